"""`python -m publishing COMMAND …`: the commands of this room. `make help` says what each does."""

from contracts.exits import run_room

COMMANDS = {
    "scope": "publishing.scope",
    "history-branch": "publishing.history_branch",
    "count-evaluations": "publishing.count_evaluations",
    "job-summary": "publishing.job_summary",
    "comment": "publishing.comment",
    "drift-issue": "publishing.issues.drift_issue",
    "security-issue": "publishing.issues.security_issue",
    "retrain-pr": "publishing.retrain_pull_request",
    "as-of": "publishing.as_of",
    "recorded-releases": "publishing.recorded_releases",
    "outcome": "publishing.outcome",
    "audit": "publishing.audit",
}

if __name__ == "__main__":
    run_room("publishing", COMMANDS)
