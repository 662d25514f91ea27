"""Settings: each variable is refused by name, with what it is and what it must be."""

import pytest

from contracts.exits import UsageError
from service.settings import Settings, read_settings


def test_one_variable_is_enough() -> None:
    settings = read_settings({"MODEL_DIR": "model", "HOME": "/root"})
    assert (str(settings.model_dir), settings.port, settings.api_keys_file) == ("model", 8000, None)


def test_an_empty_variable_counts_as_unset() -> None:
    assert read_settings({"MODEL_DIR": "model", "PORT": "", "API_KEYS_FILE": ""}).port == 8000


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, r"MODEL_DIR is not set; required: the model folder to serve\. Set MODEL_DIR=…"),
        ({"MODEL_DIR": ""}, "MODEL_DIR is not set"),
        ({"PORT": "http"}, r"PORT is 'http' \(the port to listen on.*\); required: input should be a valid integer"),
        ({"PORT": "65536"}, "PORT is '65536' .*less than or equal to 65535"),
        ({"PORT": "-1"}, "PORT is '-1' .*greater than or equal to 0"),
        ({"MAX_IN_FLIGHT": "0"}, "MAX_IN_FLIGHT is '0'"),
        ({"DRAIN_SECONDS": "nan"}, "DRAIN_SECONDS is 'nan'"),
        ({"BODY_SECONDS": "0"}, "BODY_SECONDS is '0'"),
        ({"LOG_FSYNC_MS": "0"}, "LOG_FSYNC_MS is '0'"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused_by_name(environment: dict[str, str], sentence: str) -> None:
    given = environment if "MODEL_DIR" in environment or not environment else {"MODEL_DIR": "model", **environment}
    with pytest.raises(UsageError, match=sentence):
        read_settings(given)


def test_every_mistake_has_a_line_of_its_own() -> None:
    with pytest.raises(UsageError) as refusal:
        read_settings({"PORT": "x", "MAX_IN_FLIGHT": "y"})
    assert len(str(refusal.value).splitlines()) == 3


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())
