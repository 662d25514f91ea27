"""Finds the settings that ask less than they did of the champion, or that have changed.

Without it, a change could relax the gate and bring a model that needs it, and nobody would be told. So each model's
card records every setting of pipeline.toml, and a decision has a line for each one that asks less now, or has changed.
Relaxing a threshold is allowed, but never silent. A setting that is added to pipeline.toml's schema is recorded and
compared from then on. EXEMPT lists the settings that are not compared.

Only the champion's card and pipeline.toml are compared, no clock and no git: the same inputs give the same decision.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.model_folder import GateSetting
from contracts.pipeline_toml.keys import Config

# Prefixes of keys. A larger value of these asks less, a smaller value of the next. Of all others any change counts.
ASKS_LESS_WHEN_LARGER = (
    *("gate.margin", "gate.slice_margin", "gate.slice_min_rows", "gate.cost_margin", "gate.max_", "gate.limits."),
    *("data.max_repeated_rows", "load.max_", "load.warmup_seconds"),
    *("drift.numeric_effect", "drift.categorical_effect", "drift.prediction_effect", "drift.label_effect"),
    *("drift.missing_effect", "drift.repeated_effect", "drift.historic_factor", "drift.min_rows", "drift.min_labels"),
    *("drift.lasting_windows", "drift.retrain_cooldown_days"),
    *("deploy.max_", "deploy.fast_enough_ms", "deploy.ready_seconds"),
)
ASKS_LESS_WHEN_SMALLER = (
    *("gate.confidence", "gate.better_than_baseline", "gate.floors.", "data.min_train_rows", "data.min_holdout_rows"),
    *("data.holdout_days", "data.holdout_share", "load.requests_per_second", "load.seconds", "load.min_rate_share"),
    *("load.blocks", "drift.false_alarm_rate", "drift.reference_rows", "drift.of_windows"),
    *("drift.max_retrains_per_week", "drift.blocks_deploy"),
    *("deploy.canary_seconds", "deploy.canary_min_requests", "deploy.drain_seconds", "deploy.watch_seconds"),
)
# Lists and tables in which one more entry asks more, and one less asks less.
EACH_ENTRY_ASKS = ("gate.floors.", "gate.limits.", "gate.slices.", "features.exclude.", "deploy.canary_percent.")
# These ask something only where they are set.
ASKS_WHEN_SET = ("gate.max_calibration_error",)
EXEMPT = {
    "project.name": "a champion of another project is a first run",
    "data.target": "a champion of another target is a first run",
    "data.task": "a champion of another task is a first run",
    "data.source": "a new version of the data is a commit of its own, and the decision has its digest",
    "data.sha256": "as data.source",
    "data.as_of": "a retrain moves it",
    "training.candidates": "how a challenger is searched; its result is judged",
    "training.metric": "as training.candidates",
    "training.trials": "as training.candidates",
    "training.folds": "as training.candidates",
    "training.spaces": "as training.candidates",
}


def recorded(config: Config) -> dict[str, GateSetting]:
    """Every setting that is not exempt, by its key in pipeline.toml. Keys that are not set are left out."""
    found = dict(_flat("", config.model_dump(mode="json")))
    return {key: value for key, value in sorted(found.items()) if not key.startswith(tuple(EXEMPT))}


def relaxed(config: Config, of_champion: Mapping[str, GateSetting]) -> tuple[str, ...]:
    """One sentence for each setting that asks less than the champion's card says. None where the card records none."""
    now = recorded(config)
    said = ((key, was, now.get(key)) for key, was in sorted(of_champion.items()))
    return tuple(_sentence(key, was, is_now) for key, was, is_now in said if _asks_less(key, was, is_now))


def changed(config: Config, of_champion: Mapping[str, GateSetting]) -> tuple[str, ...]:
    """One sentence for each other setting that changed: a person must judge whether it asks less.

    New keys are compared only where the champion's card records all settings. Older cards record those of [gate] alone.
    """
    now = recorded(config)
    keys = of_champion.keys() | (now.keys() if "load.seconds" in of_champion else ())
    return tuple(
        _sentence(key, of_champion.get(key), now.get(key))
        for key in sorted(keys)
        if of_champion.get(key) != now.get(key) and not _is_ordered(key, of_champion.get(key), now.get(key))
    )


def _flat(key: str, value: Any) -> Iterator[tuple[str, GateSetting]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{key}.{name}" if key else name, inner)
    elif isinstance(value, list):
        word = "judged" if key == "gate.slices" else "listed"
        yield from ((f"{key}.{entry}", word) for entry in value)
    elif isinstance(value, str):
        yield key, value
    elif value is not None:
        yield key, float(value)


def _is_ordered(key: str, was: GateSetting | None, is_now: GateSetting | None) -> bool:
    """Whether `relaxed` can tell if this change asks more or less."""
    if key.startswith(EACH_ENTRY_ASKS + ASKS_WHEN_SET) and None in (was, is_now):
        return True
    if isinstance(was, str) or isinstance(is_now, str):
        return key == "gate.metric"
    return None not in (was, is_now) and key.startswith(ASKS_LESS_WHEN_LARGER + ASKS_LESS_WHEN_SMALLER)


def _asks_less(key: str, was: GateSetting, is_now: GateSetting | None) -> bool:
    if was == is_now or not _is_ordered(key, was, is_now):
        return False
    if is_now is None or isinstance(was, str) or isinstance(is_now, str):
        return True
    return is_now > was if key.startswith(ASKS_LESS_WHEN_LARGER) else is_now < was


def _sentence(key: str, was: GateSetting | None, is_now: GateSetting | None) -> str:
    when = "when the champion was judged"
    if was is None:
        return f"{key} is {_shown(is_now)}; it was not set {when}."
    if is_now is None:
        return f"{key} is gone; it was {_shown(was)} {when}."
    return f"{key} is {_shown(is_now)}; it was {_shown(was)} {when}."


def _shown(value: GateSetting | None) -> str:
    if isinstance(value, str):
        return value or "empty"
    return f"{value:g}"
