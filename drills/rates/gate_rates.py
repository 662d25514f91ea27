"""gate.json: how often the gate errs, for each pair of models and each number of days."""

from contracts.schema import Schema


class Cell(Schema):
    """One pair of models at one true difference: how many of `draws` holdouts each rule would have promoted it on."""

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
