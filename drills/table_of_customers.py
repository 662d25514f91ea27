"""Adds customers to a table: columns, and if asked for the label, that depend on the customer alone."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from drills.scene import Scene

CUSTOMERS = 2000


def without_time(scene: Scene) -> None:
    """Let the table have no time, so that it is split at random."""
    scene.set("data.time", "")
    scene.set("data.as_of", None)


def of_customers(
    table: pd.DataFrame,
    column: str,
    name: Callable[[int], str | int],
    *,
    tells: bool = True,
    noise: float = 0.0,
    jitter: float = 0.0,
) -> pd.DataFrame:
    """The table with a column of customers, with age and income, and unless `tells` is off with their labels.

    name: from a customer's number. noise: share of flipped labels. jitter: of age and income, in standard deviations.
    """
    random = np.random.default_rng(7)
    customer = random.integers(0, CUSTOMERS, len(table))
    own = random.normal(size=(CUSTOMERS, 2))
    seen = own[customer] + jitter * random.normal(size=(len(table), 2))
    late = (random.random(CUSTOMERS) < 0.3)[customer] ^ (random.random(len(table)) < noise)
    labels = {"late": late} if tells else {}
    return table.assign(
        **{column: [name(number) for number in customer.tolist()]}, age=seen[:, 0], income=seen[:, 1], **labels
    )
