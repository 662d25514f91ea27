"""Every model that docs/models.md speaks of is exported as it says there."""

import pytest

from tests.training.fitting.known_models import Known, known_models
from tests.training.fitting.models_page import EXACT, REFUSED, line, outcome, page_has


@pytest.mark.parametrize("known", known_models(), ids=lambda one: f"{one.name} {one.tasks[0]}")
@pytest.mark.filterwarnings("ignore")
def test_a_model_is_exact_or_refused_as_its_page_says(known: Known) -> None:
    assert outcome(known) == (REFUSED if known.instead else EXACT)


def test_the_page_has_a_line_for_each() -> None:
    lines = [line(one, REFUSED if one.instead else EXACT) for one in known_models()]
    assert page_has("models", lines), "docs/models.md: run `make models-page`"
