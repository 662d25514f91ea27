"""`python -m deploy COMMAND …`: the commands of this room. `make help` says what each does."""

from contracts.exits import run_room

COMMANDS = {
    "build": "deploy.image.build",
    "promote": "deploy.champion.promote",
    "champion": "deploy.champion.fetch",
    "production": "deploy.champion.production",
    "push": "deploy.registry.push",
    "rollout": "deploy.rollout.command",
    "rehearse": "deploy.rollout.rehearse",
    "publish-image": "deploy.registry.publish_image",
    "fetch-image": "deploy.registry.fetch_image",
    "release": "deploy.rollout.release",
    "over-ssh": "deploy.rollout.over_ssh",
    "kubernetes-rules": "deploy.kubernetes.rules",
    "move-champion": "deploy.champion.move",
}

if __name__ == "__main__":
    run_room("deploy", COMMANDS)
