"""The features that a model reads: names, kinds, categories, and how a value becomes a float32.

Numeric: float32, NaN where missing. Boolean: 0, 1, NaN where missing. Categorical: the position in the feature's sorted
`categories`, -1 when unknown; a missing string is the category MISSING, so that it is explicit in every table.
"""

import numpy as np
import numpy.typing as npt

from contracts.schema import FeatureKind, Schema

Matrix = npt.NDArray[np.float32]
Value = float | bool | str | None

MISSING = "(missing)"
UNKNOWN = -1.0


class Feature(Schema):
    """One column that the model reads, with what training saw of it."""

    name: str
    kind: FeatureKind
    categories: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    missing_share: float = 0.0
    example: float | bool | str | None = None

    @property
    def may_be_missing(self) -> bool:
        return self.missing_share > 0
