"""The rules of admission, each with a code: every stage passed, and all saw the digests that build/ has now.

Nothing here judges a model. docs/deploys.md has the table of the codes.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from contracts.decision import Evidence
from contracts.exits import FindingError
from contracts.image import MOST_OF_A_SENTENCE, Attestation
from contracts.pipeline_toml.champion import NONE_AS_ASKED
from contracts.stage import CHAIN
from deploy.admission.evidence import Case, Claim

Code = Literal[
    "stage-failed", "gate-rejected", "load-failed", "other-model", "other-data", "other-commit", "champion-moved",
    "settings-changed", "other-image", "not-loaded", "production-moved", "not-attested", "unknown-image",
    "other-platform", "not-built-here", "unreadable",
]  # fmt: skip
# The stages to run again after the champion changed.
COMPARE = " ".join(stage for stage in CHAIN if stage in ("evaluate", "load-test", "drift"))


class NotAdmittedError(FindingError):
    """No evidence that this passed the gates, or evidence that it did not. `codes`: of all broken rules."""

    def __init__(self, sentence: str, *codes: Code) -> None:
        super().__init__(sentence, code=codes[0] if codes else "")
        self.codes = codes


class Objection(NamedTuple):
    """One broken rule: its code, and a sentence with what was seen and what was required."""

    code: Code
    sentence: str


def objections(case: Case) -> Iterator[Objection]:
    """Every broken rule; none if all stages passed with the same digests."""
    for claim in case.claims:
        if claim.record.exit_code != 0:
            sentence = f"{claim.stage} ended with exit code {claim.record.exit_code} ({claim.record.headline})"
            yield Objection("stage-failed", sentence)
    yield from _other_models(case)
    yield from _other_data(case)
    if case.decision.decision != "promote":
        yield Objection("gate-rejected", f"The gate decided: {case.decision.decision}.")
    if case.load is not None and case.load.verdict != "pass":
        yield Objection("load-failed", f"The load test's verdict is {case.load.verdict}.")
    yield from _moved_champion(case)
    yield from _changed_settings(case)
    yield from _other_images(case)
    if case.decision.commit != case.card.commit:
        seen, required = case.decision.commit[:12], case.card.commit[:12]
        yield Objection("other-commit", f"evaluate speaks of commit {seen}, the model is of {required}.")


def production_moved(model: str, champion: str, first_run: str, serving: str) -> Iterator[Objection]:
    """Broken if the host serves neither this model nor the champion that it was compared with.

    All are digests of models. CHAMPION=none asks for no comparison; the decision says so.
    """
    if serving in ("", model, champion) or (not champion and first_run == NONE_AS_ASKED):
        return
    yield Objection(
        "production-moved",
        f"Production serves model {short(serving)}; this one was compared with {_champion(champion)}.",
    )


def require(case: Case, refused: str) -> Case:
    """The case, if no rule is broken. Raises NotAdmittedError, which begins with `refused`."""
    if against := list(objections(case)):
        raise NotAdmittedError(f"{refused}: {sentences(against)} {remedy(against)}", *(one.code for one in against))
    return case


def attestation_of(case: Case) -> Attestation:
    """What is stored beside an image once no rule is broken."""
    now = case.now
    return Attestation(
        image=now.image or "",
        model=now.model or "",
        champion=case.decision.champion,
        data=now.data or "",
        settings=now.settings or "",
        commit=case.card.commit,
        decision=_line(case.decision.reasons[0]),
        first_run=_line(case.decision.first_run),
    )


def sentences(against: Sequence[Objection]) -> str:
    """The objections as text, each with its code."""
    return " ".join(f"{one.sentence.rstrip('.')} ({one.code})." for one in against)


def remedy(against: Sequence[Objection]) -> str:
    """The commands to run before the next try."""
    is_only_the_champion = all(one.code == "champion-moved" for one in against)
    again = f"`make {COMPARE}`" if is_only_the_champion else "`make pipeline`"
    return f"Judge again: {again}; on GitHub, re-run all jobs."


def short(digest: str) -> str:
    """The start of a digest, for messages."""
    return digest[:19]


def _line(text: str) -> str:
    """One line of printable characters, as an attestation may hold it."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:MOST_OF_A_SENTENCE]


def _other_models(case: Case) -> Iterator[Objection]:
    for claim, seen in _differing(case, "model"):
        judged = "build's image holds" if claim.stage == "build" else f"{claim.stage} judged"
        yield Objection("other-model", f"{judged} model {short(seen)}, this one is {short(case.now.model or '')}.")


def _other_data(case: Case) -> Iterator[Objection]:
    trained_on = f"the model was trained on {short(case.now.data or '')}"
    for claim, seen in _differing(case, "data"):
        yield Objection("other-data", f"{claim.stage} speaks of data {short(seen)}, {trained_on}.")


def _moved_champion(case: Case) -> Iterator[Objection]:
    now = case.now.champion or ""
    if now == case.now.model:  # it was promoted already
        return
    is_now = f"{short(now)} is the champion" if now else "there is none"
    for claim, seen in _differing(case, "champion"):
        yield Objection("champion-moved", f"{claim.stage} compared with {_champion(seen)}; {is_now} now.")


def _changed_settings(case: Case) -> Iterator[Objection]:
    here = short(case.now.settings or "")
    for claim in case.claims:
        in_evidence = claim.evidence.settings
        read = {claim.record.settings} | ({in_evidence} if in_evidence is not None else set())
        if read != {case.now.settings}:
            seen = " and ".join(short(one) or "nothing" for one in sorted(read))
            yield Objection(
                "settings-changed",
                f"{claim.stage} read other settings ({seen}) than pipeline.toml has now ({here}).",
            )


def _other_images(case: Case) -> Iterator[Objection]:
    """The built image must be the one loaded and deployed; without one, a process must have been loaded."""
    built, load = case.image, case.load
    if built is None:
        if load is not None and load.target != "process":
            yield Objection("other-image", "load-test loaded an image, and build has none.")
        return
    if built.image_id != case.now.image:
        yield Objection(
            "other-image", f"build made image {short(built.image_id)}, this one is {short(case.now.image or '')}."
        )
    if load is None:
        return
    if load.target != "image":
        yield Objection("not-loaded", f"load-test loaded a process, not the image {built.reference}.")
    elif load.image != case.now.image:
        yield Objection(
            "other-image", f"load-test loaded image {short(load.image)}, this one is {short(case.now.image or '')}."
        )


def _differing(case: Case, part: Literal["model", "data", "champion"]) -> Iterator[tuple[Claim, str]]:
    """The claims with another digest of this part than build/ has now, and that digest."""
    for claim in case.claims:
        seen = _part(claim.evidence, part)
        if seen is not None and seen != _part(case.now, part):
            yield claim, seen


def _part(evidence: Evidence, part: Literal["model", "data", "champion"]) -> str | None:
    return {"model": evidence.model, "data": evidence.data, "champion": evidence.champion}[part]


def _champion(digest: str) -> str:
    return f"champion {short(digest)}" if digest else "no champion"
