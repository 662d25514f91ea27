"""`python -m reports COMMAND …`: the commands of this room. `make help` says what each does."""

from contracts.exits import run_room

COMMANDS = {
    "drift": "reports.drift.stage",
    "report": "reports.page.stage",
    "requests": "reports.scheduled.requests",
    "scheduled-drift": "reports.scheduled.check",
    "retrain": "reports.scheduled.retrain",
    "history": "reports.site.history.append",
    "site": "reports.site.build",
}

if __name__ == "__main__":
    run_room("reports", COMMANDS)
