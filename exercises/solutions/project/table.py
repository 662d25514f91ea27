"""A small table for the project: 569 tumours, measured, and whether they were malignant (scikit-learn has it)."""

import pandas as pd
from sklearn.datasets import load_breast_cancer


def load() -> pd.DataFrame:
    """One row a tumour; the target is text, so that its classes have names."""
    table: pd.DataFrame = load_breast_cancer(as_frame=True).frame
    table.columns = [name.replace(" ", "_") for name in table.columns]
    malignant = table.pop("target") == 0
    return table.assign(diagnosis=malignant.map({True: "malignant", False: "benign"}))
