"""What must be true of every table, and of all of them together."""

from collections.abc import Iterator, Sequence

from scipy.stats import binom

from tests.tables.results import SEEDS, SETTINGS, Result, Results

FALSE_ALARM_RATE = 0.05
# So many alarms among all runs that the stated rate gives them in fewer than one set of runs of a hundred are a fault.
LEAST_PROBABILITY = 0.01
PASSED = 0


def faults(results: Results) -> list[str]:
    """A sentence for each rule that does not hold."""
    found = [fault for run in results.runs for fault in _of_run(run)]
    return [*found, *_of_drift(results)]


def waiting(results: Results) -> list[str]:
    """Tables that have not been run with every seed yet."""
    done = {(run.table, run.seed) for run in results.runs}
    names = sorted(path.stem for path in SETTINGS.glob("*.toml"))
    return [name for name in names if not all((name, seed) in done for seed in SEEDS)]


def alarms(runs: Sequence[Result]) -> tuple[int, int]:
    """How many windows of a random split, by rows or by groups, were called, of how many that could be judged."""
    judged = [run for run in runs if run.split != "time" and run.drift in ("drift", "stable")]
    return sum(run.drift == "drift" for run in judged), len(judged)


def _of_run(run: Result) -> Iterator[str]:
    about = f"{run.table}, seed {run.seed}"
    for stage, code in run.exit_codes.items():
        if code != PASSED:
            yield f"{about}: {stage} ended with {code}: {run.headlines[stage]}"
    if run.decision != "promote":
        said = " ".join(run.reasons)
        yield f"{about}: {run.decision or 'no decision'}, and a model that learns something is promoted: {said}"
    if not is_within_noise(run):
        yield f"{about}: {run.metric} {run.value} [{run.low}, {run.high}], and a plain script gets {run.plain}."
    if run.decision == "promote" and not run.drift:
        yield f"{about}: drift was not reached."


def is_within_noise(run: Result) -> bool:
    """Whether the plain script's figure lies within the interval of the challenger's, on the same rows."""
    return None not in (run.low, run.high, run.plain) and float(run.low or 0) <= float(run.plain or 0) <= float(
        run.high or 0
    )


def _of_drift(results: Results) -> Iterator[str]:
    called, judged = alarms(results.runs)
    chance = float(binom.sf(called - 1, judged, FALSE_ALARM_RATE)) if judged else 1.0
    if chance < LEAST_PROBABILITY:
        yield f"Drift was called in {called} of {judged} windows without drift; the stated rate is {FALSE_ALARM_RATE}."
