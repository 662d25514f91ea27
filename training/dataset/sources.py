"""Reads `data.source`: a path, a glob, a URL (fsspec), or `module:function`; and checks it against `data.sha256`.

The sha256 is that of the file's bytes. For several files it is that of their sorted digests, for a function that of the
values in the table it returned (`digests.py`). Bytes are checked before they are parsed. A source on another machine
may change at any time, so it is read only with a sha256.
"""

import contextlib
import glob
import importlib
import netrc
import os
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import fsspec.core
import pandas as pd
from fsspec.implementations.local import LocalFileSystem

from contracts.exits import FindingError, UsageError
from contracts.outside.addresses import may_use_proxy
from training.dataset.csv_types import ANYTHING, Reading
from training.dataset.digests import files_digest, frame_digest
from training.dataset.table_checks import refuse_bad_names
from training.dataset.table_files import SourceFile, read_files
from training.refusals import SettingError, UnfitTableError, nearest, other_signature

FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
HTTP = re.compile(r"https?://")
SIGNATURE = "def {}(): a pandas data frame, without arguments (docs/own-table.md)"


@dataclass(frozen=True)
class Loaded:
    """A table as its source has it, the source's sha256, and notes on how its files were read."""

    table: pd.DataFrame
    sha256: str
    notes: tuple[str, ...] = ()


def _as_it_comes(_: list[str]) -> Reading:
    return ANYTHING


def read_source(source: str, pinned: str, reading: Callable[[list[str]], Reading] = _as_it_comes) -> Loaded:
    """The table behind `data.source`. `pinned`: data.sha256, which may be "" for a source on this machine.

    `reading`: how to read CSV files, given their column names.

    Raises SettingError where the source cannot be found, and UnfitTableError where it is found but not usable.
    """
    if _is_remote(source) and not pinned:
        raise SettingError(
            f"data.source = {source!r} is on another machine and data.sha256 is empty. "
            "Look at the data, then run `make pin`, which writes the sha256 into pipeline.toml.",
            code="not-pinned",
        )
    return _read(source, pinned, reading)


def read_unpinned(source: str) -> Loaded:
    """The table as it is now, for `make pin` only."""
    return _read(source, "", _as_it_comes)


def _read(source: str, pinned: str, reading: Callable[[list[str]], Reading]) -> Loaded:
    notes: tuple[str, ...] = ()
    if FUNCTION.fullmatch(source):
        table = _call(source)
        try:
            seen = frame_digest(table)
        except UnicodeEncodeError as error:
            raise UnfitTableError(
                f"{source} has text that is not valid Unicode: {error}.", code="not-unicode"
            ) from None
        _require_pin(source, pinned, seen)
    else:
        with _files(source) as files:
            seen = files_digest([file.path for file in files])
            _require_pin(source, pinned, seen)
            table, notes = read_files(files, reading)
    refuse_bad_names(list(table.columns), source)
    if table.empty:
        raise UnfitTableError(f"{source} has no rows.", code="no-rows")
    return Loaded(table, seen, notes)


def _is_remote(source: str) -> bool:
    return "://" in source and not source.startswith(("file://", "local://"))


def _require_pin(source: str, pinned: str, seen: str) -> None:
    if pinned and pinned != seen:
        raise UnfitTableError(
            f"{source} has sha256 {seen}, data.sha256 in pipeline.toml says {pinned}: the data has changed. "
            "If it should have, look at it and run `make pin`: the pull request shows what it does to the metrics.",
            code="source-changed",
        )


@contextlib.contextmanager
def _files(source: str) -> Iterator[list[SourceFile]]:
    """The source's files, sorted by name. Remote ones are copied into a temporary folder."""
    system, names = _located(source)
    if isinstance(system, LocalFileSystem):
        yield [SourceFile(name, Path(name)) for name in names]
        return
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        yield [_fetched(system, name, Path(folder, str(number))) for number, name in enumerate(names)]


def _located(source: str) -> tuple[Any, list[str]]:
    """The fsspec file system and the names of the source's files in it."""
    options = {"client_kwargs": {"trust_env": _trusts_environment(source)}} if HTTP.match(source) else {}
    try:
        system, place = fsspec.core.url_to_fs(source, **options)
    except (ImportError, ValueError) as error:
        raise SettingError(f"data.source = {source!r} cannot be opened: {error}", code="no-source") from None
    if not isinstance(system, LocalFileSystem):
        return system, _matches(system, place, source) if "*" in place else [place]
    if system.isfile(place):
        return system, [place]
    if system.isdir(place):
        raise SettingError(
            f"data.source = {source!r} is a folder. Name its files: {source.rstrip('/')}/*.parquet",
            code="source-is-a-folder",
        )
    if glob.has_magic(place):
        return system, _matches(system, place, source)
    raise SettingError(
        f"data.source = {source!r}: no such file. A path counts from the checkout's root.", code="no-source"
    )


def _trusts_environment(source: str) -> bool:
    """Whether to use the environment's proxy and passwords (.netrc): never both in clear text."""
    try:
        has_password = netrc.netrc(os.environ.get("NETRC")).authenticators(urlsplit(source).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        has_password = False
    return may_use_proxy(source, has_password)


def _matches(system: Any, pattern: str, source: str) -> list[str]:
    names = sorted(name for name in system.glob(pattern) if system.isfile(name))
    if not names:
        raise SettingError(f"data.source = {source!r} matches no file.", code="no-source")
    return names


def _fetched(system: Any, name: str, folder: Path) -> SourceFile:
    """Copy one remote file. It keeps its name, whose ending says how it is compressed."""
    folder.mkdir()
    path = folder / (Path(urlsplit(name).path).name or "table")
    try:
        system.get_file(name, str(path))
    except Exception as error:  # each file system raises its own kinds, which share no base class
        raise SettingError(f"{name} cannot be fetched ({type(error).__name__}: {error}).", code="not-fetched") from None
    return SourceFile(name, path)


def _call(source: str) -> pd.DataFrame:
    """The table that `module:function` returns: a pandas data frame, or an object with `to_pandas()`."""
    function = _function(source)
    try:
        table = function()
    except (UsageError, FindingError):
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename}:{place.lineno}"
        raise SettingError(
            f"{source} raised {type(error).__name__}: {error} ({where}).", code="source-raised"
        ) from error
    if not isinstance(table, pd.DataFrame) and callable(getattr(table, "to_pandas", None)):
        table = table.to_pandas()
    if not isinstance(table, pd.DataFrame):
        signature = SIGNATURE.format(source.partition(":")[2])
        raise SettingError(f"{source} returned {type(table).__name__}; required: {signature}.", code="no-table")
    return table.reset_index(drop=True)


def _function(source: str) -> Callable[[], Any]:
    module_name, function_name = source.split(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise SettingError(f"data.source = {source!r}: there is no module {error.name!r}.", code="no-module") from None
    except Exception as error:  # importing a module runs it, so it may raise anything
        raise SettingError(
            f"data.source = {source!r}: {module_name} cannot be imported ({type(error).__name__}: {error}).",
            code="source-not-importable",
        ) from None
    function: Callable[[], Any] | None = getattr(module, function_name, None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise SettingError(
            f"data.source = {source!r}: {module_name} has no such function.{nearest(function_name, known)} "
            f"Required: {SIGNATURE.format(function_name)}.",
            code="no-function",
        )
    if takes := other_signature(function):
        raise SettingError(
            f"data.source = {source!r} takes {takes}. Required: {SIGNATURE.format(function_name)}.",
            code="source-signature",
        )
    return function
