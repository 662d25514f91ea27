"""Settings, results and page of the public tables agree, and the rules refuse what they should."""

from importlib import import_module
from typing import Any

import pytest

from contracts.outside.handbook import between
from contracts.pipeline_toml.reader import load_config
from tests.tables import sources
from tests.tables.page import BEGIN, END, PAGE, page_text
from tests.tables.results import SEEDS, SETTINGS, Result, Results, read_results
from tests.tables.rules import faults, waiting
from tests.tables.run import digest_of

NAMES = sorted(path.stem for path in SETTINGS.glob("*.toml"))
RESULTS = read_results()


def test_there_are_many_tables_of_every_task_and_split() -> None:
    assert len(NAMES) >= 12
    assert len(waiting(RESULTS)) < len(NAMES) / 2
    assert {run.table for run in RESULTS.runs} <= set(NAMES)
    assert {run.task for run in RESULTS.runs} == {"binary", "multiclass", "regression"}
    assert {run.split for run in RESULTS.runs} == {"random", "groups", "time"}


@pytest.mark.parametrize("name", NAMES)
def test_each_table_was_run_twice_by_its_settings_or_waits_for_it(name: str) -> None:
    digest = digest_of((SETTINGS / f"{name}.toml").read_text(encoding="utf-8"))
    runs = [(run.seed, run.settings) for run in RESULTS.runs if run.table == name]
    assert runs == [(seed, digest) for seed in SEEDS] or name in waiting(RESULTS)


@pytest.mark.parametrize("name", NAMES)
def test_each_table_is_read_by_its_settings_alone(name: str) -> None:
    path = SETTINGS / f"{name}.toml"
    config = load_config(path)
    module, function = config.data.source.split(":")
    assert import_module(module) is sources
    assert getattr(sources, function).__doc__
    assert config.data.seed == SEEDS[0]
    assert "\nseed = 1\n" in path.read_text(encoding="utf-8")
    assert ":" not in "".join(config.training.candidates)


def test_every_table_does_as_it_should() -> None:
    assert faults(RESULTS) == []


def test_the_page_shows_these_results() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert between(text, BEGIN, END, page_text(RESULTS.runs)) == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exit_codes": {"data": 0, "train": 1}, "headlines": {"train": "KeyError"}}, "train ended with 1: KeyError"),
        ({"exit_codes": {"load-test": 3}, "headlines": {"load-test": "p95"}}, "load-test ended with 3"),
        ({"decision": "reject", "reasons": ("It leaks.",)}, "is promoted: It leaks."),
        ({"plain": 0.5}, "a plain script gets 0.5"),
        ({"plain": None}, "a plain script gets None"),
        ({"drift": ""}, "drift was not reached"),
    ],
)
def test_a_run_that_does_otherwise_is_a_fault(change: dict[str, Any], said: str) -> None:
    good = RESULTS.runs[0]
    others = tuple(run for run in RESULTS.runs if run is not good)
    (fault,) = faults(Results(runs=(*others, good.model_copy(update=change))))
    assert said in fault
    assert fault.startswith(f"{good.table}, seed {good.seed}")


def test_a_table_that_nobody_ran_and_one_that_was_rejected_are_faults() -> None:
    name = NAMES[0]
    runs = tuple(run for run in RESULTS.runs if run.table != name)
    assert name in waiting(Results(runs=runs))
    rejected = tuple(
        run.model_copy(update={"decision": "reject"}) if run.table == name else run for run in RESULTS.runs
    )
    assert [name in fault and "reject" in fault for fault in faults(Results(runs=rejected))] == [True] * len(SEEDS)


def test_alarms_beyond_the_stated_rate_are_a_fault_of_all_runs_together() -> None:
    def called(run: Result) -> Result:
        return run.model_copy(update={"drift": "drift"}) if run.split != "time" and run.drift else run

    (fault,) = faults(Results(runs=tuple(called(run) for run in RESULTS.runs)))
    assert "windows without drift" in fault
    in_time = tuple(run.model_copy(update={"drift": "drift"}) if run.split == "time" else run for run in RESULTS.runs)
    assert faults(Results(runs=in_time)) == []


def test_each_project_is_called_as_its_file() -> None:
    assert [load_config(SETTINGS / f"{name}.toml").project.name for name in NAMES] == NAMES
