"""results.json: what became of each table, run by run."""

from pathlib import Path

from contracts.schema import Schema, Task, read_json

FOLDER = Path(__file__).parent
SETTINGS = FOLDER / "settings"
RESULTS = FOLDER / "results.json"
SEEDS = (1, 2)


class Result(Schema):
    """One run of one table. `settings`: the digest of its file; `split`: random, groups or time.

    `low`, `high`: one-sided bounds of the gate's metric on the holdout; `plain`: what a plain script gets there.
    `headlines`: of the stages that did not pass. `window`: rows that count in drift.
    """

    table: str
    seed: int
    settings: str
    task: Task
    metric: str
    split: str
    seconds: float
    exit_codes: dict[str, int]
    headlines: dict[str, str]
    rows: int = 0
    columns: int = 0
    model: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    plain: float | None = None
    decision: str = ""
    reason_codes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    drift: str = ""
    window: int = 0
    drifted: tuple[str, ...] = ()

    @property
    def in_short(self) -> str:
        """One line for whoever waits."""
        figures = f"{self.metric} {self.value} ({self.plain} by the plain script), {self.decision}"
        ended = "; ".join(f"{stage} {code}: {self.headlines[stage]}" for stage, code in self.exit_codes.items() if code)
        return f"{figures}, drift {self.drift or 'not reached'} {self.drifted}, {self.seconds:.0f} s {ended}"


class Results(Schema):
    """All runs, by table and seed."""

    runs: tuple[Result, ...] = ()


def read_results() -> Results:
    """Empty where there are none yet."""
    return read_json(RESULTS, Results, "make tables") if RESULTS.exists() else Results()
