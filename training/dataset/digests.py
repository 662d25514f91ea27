"""Digests of data frames and files; `training/dataset/table_digest.py` says what the digest of a table covers."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from contracts.model_folder import sha256_of
from training.dataset.table_digest import ArrowColumn, add_column


def frame_digest(frame: pd.DataFrame) -> str:
    """Hex sha256 of a data frame's values; its index does not count. UnicodeEncodeError where text is not Unicode."""
    digest = hashlib.sha256(f"{len(frame)} rows".encode())
    for name, column in frame.items():
        add_column(digest, str(name), _to_arrow(column))
    return digest.hexdigest()


def files_digest(paths: Sequence[Path]) -> str:
    """Hex sha256 of one file's bytes; of several, the sha256 over their digests, sorted, one a line."""
    digests = sorted(sha256_of(path) for path in paths)
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _to_arrow(column: "pd.Series[Any]") -> ArrowColumn:
    try:
        return pa.chunked_array(pa.array(column, from_pandas=True))
    except UnicodeEncodeError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # mixed kinds of values: Arrow has no type
        return pa.chunked_array([pa.array([repr(value) for value in column], type=pa.large_string())])
