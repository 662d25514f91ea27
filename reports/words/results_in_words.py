"""A run in sentences, from all stages: what the model does, and the warnings."""

from reports.results import Results
from reports.words.against_baseline import against_baseline
from reports.words.skill import question_of, skill, speed


def in_words(results: Results) -> list[str]:
    """What the model does, how good and how fast it is, as far as stages have run."""
    said = []
    if results.card and (one := results.deciding):
        asked = question_of(results.card)
        said.append(skill(asked, one.metric, one.title, one.challenger, higher_is_better=one.higher_is_better))
    if results.decision:
        said.append(against_baseline(results.decision))
    if results.load and "load-test" not in results.stale:
        said.append(speed(results.load.p50_ms, results.load.p95_ms))
    return [one for one in said if one]


def warnings(results: Results) -> list[str]:
    """Once each: why there is no champion, which thresholds were relaxed, which evaluations were forgotten."""
    decision = results.decision
    said = list(results.first_run())
    said += [f"The gate asks less than before: {one}" for one in (decision.relaxed if decision else ())]
    said += list(decision.notes if decision else ())
    said += [decision.forgotten] if decision and decision.forgotten else []
    if results.unreadable:
        said.append(
            f"{', '.join(results.unreadable)}: not what this code writes. Where a pull request changes a schema, the "
            "code of its base writes this and cannot read it: the run's page has the figures."
        )
    return said
