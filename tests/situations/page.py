"""docs/github.md's table of situations, as GitHub's engine has it: `make situations` writes it, a test compares it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.situations import queues
from tests.situations.catalogue import MEETINGS, SITUATIONS
from tests.situations.commands import Checkouts
from tests.situations.run import Simulation
from tests.situations.situation import Situation
from tests.workflows.engine import ROOT, Engine

PAGE = ROOT / "docs" / "github.md"
BEGIN, END = "<!-- situations: written by `make situations` -->", "<!-- end of situations -->"


def render(simulation: Simulation) -> str:
    """The tables of what runs, of which runs wait, and of what each job may."""
    head = "| when | run | fail | skipped | written |\n| --- | --- | --- | --- | --- |"
    rows = [_row(simulation, situation) for situation in SITUATIONS]
    meet = "| when runs overlap | then |\n| --- | --- |"
    met = [f"| {one.name} | {queues.outcome(simulation, one)} |" for one in MEETINGS]
    may = "| job | rights beyond reading | environment | its secrets |\n| --- | --- | --- | --- |"
    return "\n\n".join(["\n".join([head, *rows]), "\n".join([meet, *met]), "\n".join([may, *_rights(simulation)])])


def _row(simulation: Simulation, situation: Situation) -> str:
    run = simulation.run(situation)
    ended = [_names(run.ended(result)) for result in ("success", "failure", "skipped")]
    written = ", ".join(run.written) or "–"
    return f"| {situation.name} | {' | '.join(ended)} | {written} |"


def _names(jobs: list[str]) -> str:
    """Each as code; those of publish.yml once by its name: `publish` (evaluations, record)."""
    own = [f"`{name}`" for name in jobs if " / " not in name]
    called = [name.split(" / ")[1] for name in jobs if " / " in name]
    return ", ".join([*own, *([f"`publish` ({', '.join(called)})"] if called else [])]) or "–"


def _rights(simulation: Simulation) -> Iterator[str]:
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        for name, job in simulation.workflow(f".github/workflows/{path.name}")["jobs"].items():
            if "steps" not in job:
                continue
            may = ", ".join(f"`{right}`" for right, level in job["permissions"].items() if level == "write")
            secrets = ", ".join(f"`{one}`" for one in sorted(_secrets(job)))
            if may or job.get("environment"):
                yield f"| `{path.name}`: `{name}` | {may or '–'} | {_environment(job)} | {secrets or '–'} |"


def _environment(job: dict[str, Any]) -> str:
    """Its name, or the one that an expression may give it."""
    environment = job.get("environment", "")
    if isinstance(environment, dict):
        environment = environment.get("name", environment)
    if isinstance(environment, dict):
        return f"`{environment['expression'].split(chr(39))[-4]}`, where it is set up"
    return f"`{environment}`" if environment else "–"


def _secrets(written: Any) -> set[str]:
    """Every secret that an expression in here names."""
    if isinstance(written, dict):
        return set().union(*(_secrets(one) for one in written.values()))
    if isinstance(written, list):
        return set().union(*(_secrets(one) for one in written))
    return {written.partition("secrets.")[2]} if isinstance(written, str) and written.startswith("secrets.") else set()


def main() -> None:
    with Engine() as engine, tempfile.TemporaryDirectory() as folder:
        text = render(Simulation(engine, Checkouts(Path(folder))))
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{PAGE} lacks {BEGIN!r} or {END!r}: put the marks back.")
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    print(f"docs/{PAGE.name}: {len(SITUATIONS)} situations written")


if __name__ == "__main__":
    main()
