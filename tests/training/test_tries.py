"""Tries on one holdout are counted once each, paid for, and never forgotten by accident."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.exits import UsageError
from contracts.features import Feature
from contracts.model_folder import ExportProof, ModelCard
from training.tries import Ledger, LedgerError, Try, confidence_of_try, number_of_try, read_ledger, try_of

CARD = ModelCard(
    name="toy",
    task="binary",
    target="answer",
    features=(Feature(name="shop", kind="categorical", categories=("east", "west")),),
    classes=("no", "yes"),
    positive="yes",
    threshold=0.5,
    estimator="logistic",
    parameters={},
    metrics={},
    train_rows=1,
    data_digest="sha256:d",
    commit="a" * 40,
    versions={},
    proof=ExportProof(rows=1, boundary_rows=0, label_flips=0, largest_difference=0),
    max_batch_rows=1,
    logged_features=(),
    files={"model.onnx": "f" * 64},
)


def challenger(name: str) -> Try:
    return Try(model=f"sha256:{name}", function=name)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "tries.json"


def test_each_new_challenger_gets_the_next_number(ledger: Path) -> None:
    assert [number_of_try(ledger, "march", challenger(name), None) for name in "abc"] == [1, 2, 3]


def test_a_challenger_judged_before_keeps_its_number(ledger: Path) -> None:
    assert [number_of_try(ledger, "march", challenger(name), None) for name in "abab"] == [1, 2, 1, 2]
    assert len(read_ledger(ledger).holdouts["march"]) == 2


def test_another_holdout_is_counted_apart(ledger: Path) -> None:
    assert number_of_try(ledger, "march", challenger("a"), None) == 1
    assert number_of_try(ledger, "april", challenger("b"), None) == 1
    assert number_of_try(ledger, "march", challenger("b"), None) == 2


def test_the_champion_itself_is_no_new_try_but_gets_no_discount(ledger: Path) -> None:
    champion = challenger("champion")
    assert number_of_try(ledger, "march", champion, champion) == 1
    assert not ledger.exists()
    for name in "abc":
        number_of_try(ledger, "march", challenger(name), champion)
    assert number_of_try(ledger, "march", champion, champion) == 3


def test_another_commit_with_the_same_graph_is_the_same_try() -> None:
    rebuilt = CARD.model_copy(update={"commit": "b" * 40, "data_digest": "sha256:e"})
    assert try_of(CARD, "sha256:1").function == try_of(rebuilt, "sha256:2").function


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"model.onnx": "e" * 64}},
        {"threshold": 0.4},
        {"classes": ("yes", "no")},
        {"features": (Feature(name="shop", kind="categorical", categories=("west", "east")),)},
    ],
)
def test_whatever_changes_the_answers_is_another_try(change: dict[str, object]) -> None:
    assert try_of(CARD.model_copy(update=change), "sha256:1").function != try_of(CARD, "sha256:1").function


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format_version": 2, "holdouts": {}}',
        b'{"format_version": 1, "holdouts": {"march": ["sha256:a"]}}',
        b'{"format_version": 1, "holdouts": {}, "forgiven": true}',
    ],
)
def test_a_ledger_that_cannot_be_read_refuses_and_says_what_to_do(ledger: Path, content: bytes) -> None:
    ledger.write_bytes(content)
    with pytest.raises(LedgerError, match="Put back an earlier copy"):
        number_of_try(ledger, "march", challenger("a"), None)
    assert ledger.read_bytes() == content
    assert issubclass(LedgerError, UsageError)


def test_a_folder_in_the_ledger_s_place_refuses(ledger: Path) -> None:
    ledger.mkdir()
    with pytest.raises(LedgerError):
        read_ledger(ledger)


def test_no_ledger_is_an_empty_one(ledger: Path) -> None:
    assert read_ledger(ledger) == Ledger()


def test_the_first_try_needs_what_pipeline_toml_says_and_the_tenth_a_tenth_of_the_error() -> None:
    assert confidence_of_try(0.95, 1) == pytest.approx(0.95)
    assert confidence_of_try(0.95, 10) == pytest.approx(0.995)


@given(st.floats(0.8, 0.999), st.integers(1, 500))
def test_the_confidence_asked_for_never_falls(confidence: float, tries: int) -> None:
    assert confidence <= confidence_of_try(confidence, tries) <= confidence_of_try(confidence, tries + 1) < 1
