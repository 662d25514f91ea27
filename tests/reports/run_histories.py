"""A history as the command writes it: runs of the chain, scheduled verdicts, rejections, deploys, drills."""

import datetime as dt
import json
from pathlib import Path

from contracts.history import EventName
from contracts.image import PushedImage
from contracts.release import Deployment
from contracts.schema import write_json
from contracts.stage import Build
from reports.site.history.append import remember
from testbed.images import image
from tests.reports.records import decision, drift_verdict, load_verdict, plots, whole_run, write_record

FIRST = dt.datetime(2026, 1, 1, 5, 17, tzinfo=dt.UTC)
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/flights",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF_NAME": "main",
}


def complete_run(root: Path, text: str = "carrier", *, promote: bool = True) -> Build:
    """Everything that a run can leave under build/: with image, plots, Evidently's page, a deploy and drills."""
    build = whole_run(root, text)
    model = decision_of(build, promote=promote, text=text)
    write_image(build, model)
    write_json(build.stage("evaluate") / "plots.json", plots())
    (build.stage("drift") / "evidently.html").write_text("<!doctype html><title>Evidently</title><p>Evidently</p>")
    (build.stage("load-test") / "locust.html").write_text("<!doctype html><title>Locust</title><p>Locust</p>")
    (build.stage("evaluate") / "diff.md").write_text("# diff\n")
    if promote:
        write_record(build, "deploy")
        write_json(build.stage("deploy") / "deployed.json", Deployment(model=model, reason=f"Promoted, {text}."))
    write_drills(build.root / "drills", text)
    return build


def decision_of(build: Build, *, promote: bool, text: str = "carrier") -> str:
    """Write decision and verdicts of the model that is there; returns its digest."""
    from contracts.model_folder import model_digest

    model = model_digest(build.challenger)
    write_json(build.stage("evaluate") / "decision.json", decision(model, promote=promote, text=text))
    write_record(build, "evaluate", 0 if promote else 3, f"decided, {text}")
    return model


def write_image(build: Build, model: str) -> None:
    made = image(reference="flights:dev", model=model, unpacked_bytes=160_000_000, packed_bytes=41_000_000)
    write_record(build, "build")
    write_json(build.stage("build") / "image.json", made)
    pushed = PushedImage(
        reference="acme/flights@sha256:" + "2" * 64, tag="sha-0", image_id=made.image_id, packed_bytes=40_000_000
    )
    write_json(build.stage("build") / "pushed.json", pushed)


def write_drills(folder: Path, text: str = "carrier", *, passed: bool = True) -> None:
    (folder / "rates").mkdir(parents=True, exist_ok=True)
    drill = {"name": f"model/{text}", "stage": "evaluate", "planted": f"A model that {text}.", "expected_exit": 3}
    drill |= {"exit": 3, "expected_reason": "worse", "reason": f"Rejected: {text}", "passed": passed, "seconds": 1.25}
    (folder / "drills.json").write_text(json.dumps({"full": True, "drills": [drill, drill | {"name": "data/empty"}]}))
    rates = {"title": f"False alarms, {text}", "columns": ["rows", text], "rows": [[100, 0.05], ["1,000", None]]}
    (folder / "rates" / "drift.json").write_text(json.dumps(rates | {"note": f"Of 150 windows, {text}."}))


def write_run_history(
    history: Path, root: Path, days: int, text: str = "carrier", environment: dict[str, str] = GITHUB
) -> None:
    """A history of `days`, each with a run of the chain (every third one rejected) and a scheduled verdict."""
    for day in range(days):
        promote = day % 3 != 1
        build = complete_run(root / f"run-{day}", text, promote=promote)
        append(history, build, day, "run", environment)
        watch = Build(root / f"watch-{day}")
        write_record(watch, "drift")
        write_json(watch.stage("drift") / "verdict.json", drift_verdict("sha256:" + "a" * 64, column=text))
        (watch.stage("drift") / "evidently.html").write_text("<!doctype html><title>Evidently</title><p>Evidently</p>")
        append(history, watch, day, "drift", environment)


def append(history: Path, build: Build, day: int, event: EventName, environment: dict[str, str] = GITHUB) -> str:
    """One run of the real command's work, at its day, as a workflow run of its own."""
    number = str(1000 + 10 * day + ("run", "drift", "rollback").index(event))
    at = FIRST + dt.timedelta(days=day)
    return remember(history, build, event, at, environment | {"GITHUB_RUN_ID": number})


__all__ = ["FIRST", "GITHUB", "append", "complete_run", "load_verdict", "write_drills", "write_run_history"]
