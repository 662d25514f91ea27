"""Everything that can be set, with its default: the only reader of the environment.

Reads   the environment variables named like the fields below, in capitals (`MODEL_DIR`, `PORT`, …); empty means unset.
Exits   2 with one sentence for each variable that cannot be used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.exits import UsageError
from contracts.outside.buckets import ADDRESS
from contracts.request_log import CLOCK_SKEW_SECONDS, MOST_SKEW_SECONDS

Seconds = Annotated[float, Field(gt=0, le=3600)]
OrZero = Annotated[float, Field(ge=0, le=3600)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """How this process serves. What belongs to the model (features, threshold, batch size) is in its model.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    model_dir: Annotated[Path, Field(description="the model folder to serve")]
    model_load_seconds: Annotated[
        int, Field(ge=1, le=3600, description="CPU seconds in which a model must load and give its golden rows")
    ] = 60
    shadow_model_dir: Annotated[
        Path | None, Field(description="a shadow model: it scores the same rows, and its answers are only logged")
    ] = None
    request_log_dir: Annotated[Path, Field(description="the folder of the request log")] = Path("requests")
    api_keys_file: Annotated[Path | None, Field(description="a JSON file of API keys; unset: no key required")] = None
    host: Annotated[str, Field(min_length=1, description="the address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, description="the port to listen on; 0 takes a free one")] = 8000
    root_path: Annotated[
        str,
        Field(
            pattern=r"^((/[A-Za-z0-9_-]+)+)?$", description="the path prefix under which a proxy serves this service"
        ),
    ] = ""
    cors_origins: Annotated[
        str,
        Field(
            pattern=r"^(\*|https?://[^/,\s*]+(,\s*https?://[^/,\s*]+)*)?$",
            description="allowed CORS origins, separated by commas, or *; unset: none",
        ),
    ] = ""
    otel_exporter_otlp_endpoint: Annotated[
        str | None, Field(description="the OpenTelemetry collector; unset: no traces")
    ] = None

    max_in_flight: Annotated[Count, Field(description="most requests in flight; more are answered 503")] = 1024
    max_wait_seconds: Annotated[Seconds, Field(description="a request that waits longer is answered 503")] = 0.5
    max_body_bytes: Annotated[
        Count, Field(description="the largest request body, for any model; the edge has the same limit")
    ] = 8 * 1024 * 1024
    header_seconds: Annotated[Seconds, Field(description="seconds for a request's headers to arrive")] = 5.0
    body_seconds: Annotated[Seconds, Field(description="seconds for a request's body to arrive after its headers")] = (
        5.0
    )
    write_seconds: Annotated[
        Seconds, Field(description="seconds until a client that does not read its answer is disconnected")
    ] = 10.0
    keep_alive_seconds: Annotated[
        int, Field(ge=1, le=3600, description="seconds until an idle connection is closed")
    ] = 65
    drain_seconds: Annotated[
        OrZero, Field(description="seconds after SIGTERM in which the service is not ready but still answers")
    ] = 3.0
    grace_seconds: Annotated[Seconds, Field(description="seconds after that to finish requests in flight")] = 10.0

    log_fsync_ms: Annotated[
        int, Field(ge=1, le=60_000, description="milliseconds between syncs of the log to the disk")
    ] = 50
    log_rotate_mb: Annotated[Count, Field(description="MB at which a log file is closed")] = 64
    log_rotate_hours: Annotated[Count, Field(description="hours after which a log file is closed")] = 24
    log_keep_mb: Annotated[Count, Field(description="most MB of all log files; the oldest are deleted")] = 1024
    log_keep_days: Annotated[Count, Field(description="days after which log files are deleted")] = 90
    request_log_bucket: Annotated[
        str | None,
        Field(pattern=ADDRESS, description="where closed log files are uploaded, s3://bucket/prefix; unset: nowhere"),
    ] = None
    aws_endpoint_url_s3: Annotated[str | None, Field(description="the bucket's server, if it is not Amazon's")] = None
    feedback_days: Annotated[Count, Field(description="days after which a label for a prediction is too late")] = 60
    label_clock_skew_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=MOST_SKEW_SECONDS,
            description="seconds by which a label's `observed_us` may precede its prediction, or be in the future",
        ),
    ] = CLOCK_SKEW_SECONDS


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`. Raises UsageError with a line for each variable that cannot be used."""
    given = {name: environment[name.upper()] for name in Settings.model_fields if environment.get(name.upper())}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise UsageError(
            "\n".join(_sentence(one["loc"], one["msg"], given) for one in error.errors()), code="model-not-named"
        ) from None


def _sentence(location: tuple[int | str, ...], message: str, given: Mapping[str, str]) -> str:
    name = str(location[0])
    meaning = Settings.model_fields[name].description
    if name not in given:
        return f"{name.upper()} is not set; required: {meaning}. Set {name.upper()}=… in the environment."
    return f"{name.upper()} is {given[name]!r} ({meaning}); required: {message[0].lower()}{message[1:]}."
