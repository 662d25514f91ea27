"""docs/models.md: which models are exported exactly, and what to use instead of the others.

python -m tests.training.fitting.models_page    fits and proves every one, and writes the tables (`make models-page`)
"""

import importlib.util
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.features import Matrix
from contracts.outside.handbook import between, write_between
from contracts.schema import Task
from tests.training.fitting.known_models import COLUMNS, NAN_COLUMNS, Known, known_boosters, known_models, toy
from training.fitting.boosters import READERS
from training.fitting.export import ExportRefusedError, export
from training.fitting.proof import prove
from training.fitting.search import one_thread

PAGE = Path(__file__).parents[3] / "docs" / "models.md"
HEAD = "| model | task | export | use instead |\n| --- | --- | --- | --- |"
EXACT, REFUSED = "exact", "refused"


def marks(name: str) -> tuple[str, str]:
    """Around the table of scikit-learn's models, or of the boosters'."""
    return f"<!-- {name}: written by `make models-page` -->", f"<!-- end of {name} -->"


def outcome(known: Known) -> str:
    """EXACT or REFUSED, for all of its tasks. Raises ValueError where they differ."""
    seen = {_outcome_of(known, task) for task in known.tasks}
    if len(seen) > 1:
        raise ValueError(f"{known.name} is {' and '.join(sorted(seen))}: give each task its own line")
    return seen.pop()


def table(every: Sequence[Known]) -> str:
    """One line a model, as it was seen just now."""
    return "\n".join([HEAD, *(line(one, outcome(one)) for one in every)])


def line(known: Known, seen: str) -> str:
    """The model's line of the page."""
    return f"| {known.name} | {', '.join(known.tasks)} | {seen} | {known.instead} |"


def page_has(name: str, lines: Sequence[str]) -> bool:
    """Whether the table of that name says just this."""
    text, (begin, end) = PAGE.read_text(encoding="utf-8"), marks(name)
    return between(text, begin, end, "\n".join([HEAD, *lines])) == text


def main() -> None:
    """Write what there is: the boosters' table needs the three libraries (`make booster-test` installs them)."""
    warnings.simplefilter("ignore")
    write_between(PAGE, *marks("models"), table(known_models()))
    if all(importlib.util.find_spec(library) for library in READERS):
        write_between(PAGE, *marks("boosters"), table(known_boosters()))


def _outcome_of(known: Known, task: Task) -> str:
    matrix, truth = toy(task)
    with one_thread():
        return _proved(known.make().fit(matrix, truth), matrix, task)


def _proved(model: Any, matrix: Matrix, task: Task) -> str:
    try:
        prove(model, export(model, COLUMNS, task), matrix, task, nan_columns=NAN_COLUMNS)
    except ExportRefusedError:
        return REFUSED
    return EXACT


if __name__ == "__main__":
    main()
