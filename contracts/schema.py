"""How a file that crosses a boundary is written (atomically) and read (refused when it does not fit its schema)."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.exits import UsageError


class Schema(BaseModel):
    """Base of every file that crosses a boundary: frozen, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


AnySchema = TypeVar("AnySchema", bound=BaseModel)


def write_json(path: Path, model: BaseModel) -> None:
    """Write atomically, so that a stage that is killed leaves no half file; the same content gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path, schema: type[AnySchema], made_by: str) -> AnySchema:
    """Read and validate. Raises UsageError that names the command which makes the file."""
    try:
        return schema.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{path} is not there. Run `{made_by}` first.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is not what `{made_by}` writes: {where}: {first['msg']}. Run it again.") from None
