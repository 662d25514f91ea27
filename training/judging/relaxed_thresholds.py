"""Which of the gate's settings ask less than they did of the champion.

A change that loosens the gate, and brings a model that needs it, would otherwise pass without a word. So each model's
card records the settings that it was judged under, and a decision names every one that now asks less, in its own line.
Loosening is allowed, for someone may mean it; it is not allowed to be silent.

No clock, no git: champion and pipeline.toml alone, so the same inputs give the same decision.
"""

from collections.abc import Iterator, Mapping

from contracts.model_folder import GateSetting
from contracts.pipeline_toml.keys import Config

# Of these a larger value asks less, of the next ones a smaller.
ASKS_LESS_WHEN_LARGER = (
    *("gate.margin", "gate.slice_margin", "gate.slice_min_rows", "gate.max_calibration_error"),
    *("gate.max_shared_rows", "gate.max_single_feature_auc", "gate.max_row_us", "gate.max_model_mb"),
    *("gate.limits.", "data.max_repeated_rows"),
)
ASKS_LESS_WHEN_SMALLER = ("gate.confidence", "gate.floors.", "data.min_train_rows", "data.min_holdout_rows")


def recorded(config: Config) -> dict[str, GateSetting]:
    """The settings that decide what gets through, by their keys in pipeline.toml; what is not asked is not there."""
    found: dict[str, GateSetting] = {"gate.metric": config.gate.metric}
    found |= {f"gate.slices.{name}": "judged" for name in config.gate.slices}
    for key in (*ASKS_LESS_WHEN_LARGER, *ASKS_LESS_WHEN_SMALLER):
        section, _, name = key.partition(".")
        value = getattr(getattr(config, section), name.rstrip("."))
        if isinstance(value, Mapping):
            found |= {f"{key}{metric}": float(bound) for metric, bound in value.items()}
        elif value is not None:
            found[key] = float(value)
    return dict(sorted(found.items()))


def relaxed(config: Config, of_champion: Mapping[str, GateSetting]) -> tuple[str, ...]:
    """One sentence for each setting that asks less than the champion's card says. Empty where its card says nothing."""
    now = recorded(config)
    return tuple(said for key, was in sorted(of_champion.items()) for said in _compared(key, was, now.get(key)))


def _compared(key: str, was: GateSetting, is_now: GateSetting | None) -> Iterator[str]:
    if is_now is None:
        yield f"{key} is gone; it was {_shown(was)} when the champion was judged."
    elif isinstance(was, str) or isinstance(is_now, str):
        if was != is_now:
            yield f"{key} is {_shown(is_now)}; it was {_shown(was)} when the champion was judged."
    elif is_now > was if key.startswith(ASKS_LESS_WHEN_LARGER) else is_now < was:
        yield f"{key} is {_shown(is_now)}; it was {_shown(was)} when the champion was judged, which asks more."


def _shown(value: GateSetting) -> str:
    return value if isinstance(value, str) else f"{value:g}"
