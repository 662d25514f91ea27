"""A request log's contents, read twice: line by line against its contract, and by the drift job's DuckDB reader."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.model_folder import model_digest, read_card
from contracts.request_log import LABELS_GLOB, PREDICTIONS_GLOB, LabelRecord, PredictionRecord
from reports.drift.log_reader import RequestWindow, read_window


@dataclass(frozen=True)
class LogContents:
    """Ids in whole records, and for each file the number of torn lines."""

    ids: set[str]
    records: int
    torn_lines: list[int]

    @property
    def torn(self) -> int:
        """Torn lines in all files."""
        return sum(self.torn_lines)


def predictions_in(folder: Path) -> LogContents:
    """Every prediction."""
    return _contents(folder, PREDICTIONS_GLOB, PredictionRecord)


def labels_in(folder: Path) -> LogContents:
    """Every label."""
    return _contents(folder, LABELS_GLOB, LabelRecord)


def window_in(folder: Path, model: Path) -> RequestWindow:
    """What the drift job reads."""
    return read_window(folder, read_card(model), model_digest(model), seed=1)


def _contents(folder: Path, pattern: str, kind: type[PredictionRecord] | type[LabelRecord]) -> LogContents:
    ids: list[str] = []
    torn_lines = []
    for path in sorted(folder.glob(pattern)):
        torn = 0
        for line in path.read_bytes().split(b"\n"):
            try:
                if line:
                    ids.append(kind.model_validate_json(line).id)
            except ValidationError:
                torn += 1
        torn_lines.append(torn)
    return LogContents(set(ids), len(ids), torn_lines)
