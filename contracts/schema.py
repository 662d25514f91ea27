"""How a file that crosses a boundary is written (atomically) and read (refused when it does not fit its schema)."""

import codecs
import hashlib
import json
import stat
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.exits import UsageError


class Schema(BaseModel):
    """Base of every file that crosses a boundary: frozen, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# What pipeline.toml and a model card both say; a service reads the second, and starts without the first's schema.
Task = Literal["binary", "multiclass", "regression"]
FeatureKind = Literal["numeric", "categorical", "boolean"]
Spelling = Literal["trim", "nfc", "case"]
AnySchema = TypeVar("AnySchema", bound=BaseModel)


def is_unset(value: object) -> bool:
    """Whether a key that came later is not used: then it is not written, and no digest changes for it."""
    return value is None


def json_digest(document: object) -> str:
    """Hex sha256 of a document of plain values, written with sorted keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode()).hexdigest()


def write_json(path: Path, model: BaseModel) -> None:
    """Write atomically, so that a stage that is killed leaves no half file; the same content gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path, schema: type[AnySchema], made_by: str) -> AnySchema:
    """Read and validate. Raises UsageError that names the command which makes the file."""
    try:
        return schema.model_validate_json(without_mark(path.read_bytes()))
    except FileNotFoundError:
        raise UsageError(f"{path} is not there. Run `{made_by}` first.", code="not-there") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path} is not what `{made_by}` writes: {where}: {first['msg']}. Run it again.", code="unreadable"
        ) from None


def without_mark(content: bytes) -> bytes:
    """A JSON document without the byte order mark that Windows' editors put before it (RFC 8259, section 8.1)."""
    return content.removeprefix(codecs.BOM_UTF8)


def read_outside_json(path: Path, schema: type[AnySchema], made_by: str, most_bytes: int) -> AnySchema:
    """Read a file that another job or machine made: nothing of it is read before its kind and size are found right.

    Raises UsageError where it is absent, a link, larger than `most_bytes`, or not what `schema` says.
    """
    require_file(path, made_by, most_bytes)
    return read_json(path, schema, made_by)


def require_file(path: Path, made_by: str, most_bytes: int) -> None:
    """Raises UsageError where `path` is no plain file (a link could lead anywhere) or has more than `most_bytes`."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        raise UsageError(f"{path} is not there. Run `{made_by}` first.") from None
    if not stat.S_ISREG(seen.st_mode):
        raise UsageError(f"{path} is a link, a folder or a device; `{made_by}` writes a plain file. Run it again.")
    if seen.st_size > most_bytes:
        raise UsageError(
            f"{path} has {seen.st_size:,} bytes; `{made_by}` writes at most {most_bytes:,}. It was not read."
        )
