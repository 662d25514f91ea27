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
        int, Field(ge=1, le=3600, description="CPU time in which a model must be loaded and proved")
    ] = 60
    shadow_model_dir: Annotated[Path | None, Field(description="a model that scores the same rows unseen")] = None
    request_log_dir: Annotated[Path, Field(description="the folder of the request log")] = Path("requests")
    api_keys_file: Annotated[Path | None, Field(description="a JSON file of API keys; unset: no keys asked")] = None
    host: Annotated[str, Field(min_length=1, description="the address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, description="the port to listen on; 0 takes a free one")] = 8000
    root_path: Annotated[
        str, Field(pattern=r"^((/[A-Za-z0-9_-]+)+)?$", description="the prefix under which a proxy shows the service")
    ] = ""
    cors_origins: Annotated[
        str,
        Field(
            pattern=r"^(\*|https?://[^/,\s*]+(,\s*https?://[^/,\s*]+)*)?$",
            description="origins whose pages may call, by commas, or *; unset: none",
        ),
    ] = ""
    otel_exporter_otlp_endpoint: Annotated[
        str | None, Field(description="the OpenTelemetry collector; unset: no traces")
    ] = None

    max_in_flight: Annotated[Count, Field(description="requests at work at once; more are answered 503")] = 1024
    max_wait_seconds: Annotated[Seconds, Field(description="a request that waited longer is answered 503")] = 0.5
    max_body_bytes: Annotated[
        Count, Field(description="the largest body that is read, whatever the model takes; the edge has the same")
    ] = 8 * 1024 * 1024
    header_seconds: Annotated[Seconds, Field(description="time for a request's headers to arrive")] = 5.0
    body_seconds: Annotated[Seconds, Field(description="time for a request's body to arrive after them")] = 5.0
    write_seconds: Annotated[
        Seconds, Field(description="a client that reads nothing of its answer is cut off after")
    ] = 10.0
    keep_alive_seconds: Annotated[int, Field(ge=1, le=3600, description="an idle connection is closed after")] = 65
    drain_seconds: Annotated[OrZero, Field(description="after SIGTERM: not ready, but still serving")] = 3.0
    grace_seconds: Annotated[Seconds, Field(description="after that: time to finish what is at work")] = 10.0

    log_fsync_ms: Annotated[int, Field(ge=1, le=60_000, description="the log reaches the disk this often")] = 50
    log_rotate_mb: Annotated[Count, Field(description="a log file is closed at this size")] = 64
    log_rotate_hours: Annotated[Count, Field(description="a log file is closed at this age")] = 24
    log_keep_mb: Annotated[Count, Field(description="the oldest log files go when all are larger")] = 1024
    log_keep_days: Annotated[Count, Field(description="log files go when they are older")] = 90
    request_log_bucket: Annotated[
        str | None,
        Field(pattern=ADDRESS, description="closed log files also go there, s3://bucket/prefix; unset: they stay here"),
    ] = None
    aws_endpoint_url_s3: Annotated[str | None, Field(description="the bucket's server, where it is not Amazon's")] = (
        None
    )
    feedback_days: Annotated[Count, Field(description="a label for an older prediction comes too late")] = 60
    label_clock_skew_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=MOST_SKEW_SECONDS,
            description="a label's `observed_us` may be this long before its prediction, or after now",
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
