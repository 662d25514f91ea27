"""`python -m training COMMAND …`: the commands of this room. `make help` says what each does."""

from contracts.exits import run_room

COMMANDS = {
    "data": "training.data",
    "train": "training.train",
    "evaluate": "training.evaluate",
    "pin": "training.pin",
}

if __name__ == "__main__":
    run_room("training", COMMANDS)
