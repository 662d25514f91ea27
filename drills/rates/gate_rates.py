"""The schema of gate.json: the gate's error rates for each pair of models and each true difference."""

from contracts.schema import Schema


class Cell(Schema):
    """One pair of models at one true difference: on how many of `draws` holdouts each rule promotes."""

    pair: str
    margins_worse: float
    draws: int
    standard_error: float
    promoted: dict[str, int]


class Rates(Schema):
    """gate.json."""

    format_version: int = 1
    metric: str
    margin: float
    confidence: float
    days: int
    rows: int
    cells: tuple[Cell, ...]
    evaluations_draws: int
    evaluations: int
    let_in_counted: int
    let_in_uncounted: int
