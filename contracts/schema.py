"""Writes and reads the files that stages exchange: atomically, and only where they fit their schema."""

import codecs
import hashlib
import json
import re
import stat
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticSerializationError

from contracts.exits import UsageError


class Schema(BaseModel):
    """Base class of every such file: frozen, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# Types that pipeline.toml and the model card share. The service reads only the card, without pipeline.toml's schema.
Task = Literal["binary", "multiclass", "regression"]
FeatureKind = Literal["numeric", "categorical", "boolean"]
# `date`: text; `epoch`: a number that counts since 1970. Clients send these, and features are made of them.
InputKind = FeatureKind | Literal["date", "epoch"]
Spelling = Literal["trim", "nfc", "case"]
# What is drawn: a number beyond these has no place on an axis, and no stage finds it in float32 tables.
Figure = Annotated[float, Field(ge=-1e100, le=1e100)]
CalendarPart = Literal["year", "quarter", "month", "week", "day", "day_of_year", "weekday", "hour", "minute"]
AnySchema = TypeVar("AnySchema", bound=BaseModel)
# The largest JSON file of a stage: a model card of 5,000 columns has 2 MB, one of long categories more. Whoever reads
# files of another job takes as much, so that nothing passes the gate that the history then refuses.
MOST_JSON_BYTES = 64 * 1024 * 1024
_SURROGATES = re.compile("[\ud800-\udfff]")


def is_unset(value: object) -> bool:
    """Whether a later key is unset. Then it is not written, so that older files keep their digest."""
    return value is None


def json_digest(document: object) -> str:
    """Hex sha256 of a document of plain values, written with sorted keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode()).hexdigest()


def write_json(path: Path, model: BaseModel) -> None:
    """Write atomically, so that a killed stage leaves no partial file. The same content gives the same bytes.

    Raises UsageError for more than MOST_JSON_BYTES.
    """
    try:
        text = model.model_dump_json(indent=2)
    except PydanticSerializationError:
        # Half of a surrogate pair cannot be written: from a file's name, an argument, or an error of the user's code.
        text = json.dumps(model.model_dump(mode="json"), ensure_ascii=False, indent=2)
        text = _SURROGATES.sub("\ufffd", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    content = f"{text}\n".encode()
    if len(content) > MOST_JSON_BYTES:
        raise UsageError(
            f"{path} would have {len(content):,} bytes; required: at most {MOST_JSON_BYTES:,}. Leave out columns "
            "(features.exclude), or columns of long texts.",
            code="too-large",
        )
    partial.write_bytes(content)
    partial.replace(path)


def read_json(path: Path, schema: type[AnySchema], made_by: str) -> AnySchema:
    """Read and validate. Raises UsageError with the command that makes the file, where it is absent or does not fit."""
    try:
        return schema.model_validate_json(without_mark(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path} is not there. Run `{made_by}` first.", code="not-there") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", code="unreadable") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path} is not what `{made_by}` writes: {where}: {first['msg']}. Run it again.", code="unreadable"
        ) from None


def without_mark(content: bytes) -> bytes:
    """A JSON document without the byte order mark that editors on Windows write (RFC 8259, section 8.1)."""
    return content.removeprefix(codecs.BOM_UTF8)


def read_outside_json(path: Path, schema: type[AnySchema], made_by: str, most_bytes: int) -> AnySchema:
    """Read a file from another job or machine, after checking its kind and size.

    Raises UsageError where it is absent, a link, larger than `most_bytes`, or does not fit `schema`.
    """
    require_file(path, made_by, most_bytes)
    return read_json(path, schema, made_by)


def require_file(path: Path, made_by: str, most_bytes: int) -> None:
    """Raises UsageError where `path` is no plain file (a link could lead anywhere) or has more than `most_bytes`."""
    try:
        seen = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path} is not there. Run `{made_by}` first.", code="not-there") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", code="unreadable") from None
    if not stat.S_ISREG(seen.st_mode):
        raise UsageError(
            f"{path} is a link, a folder or a device; `{made_by}` writes a plain file. Run it again.",
            code="no-plain-file",
        )
    if seen.st_size > most_bytes:
        raise UsageError(
            f"{path} has {seen.st_size:,} bytes; `{made_by}` writes at most {most_bytes:,}. It was not read.",
            code="too-large",
        )
