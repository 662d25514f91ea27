"""Exercise 1: a first API. The learner's app runs under uvicorn; the right answers are computed from the model."""

import contextlib
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.features import Value
from contracts.model_folder import Golden, ModelFolderError
from exercises.graders.asking import Answer, Server, served
from exercises.graders.grading import Check, Exercise, Place, check
from exercises.graders.program import ProgramError, copy_of
from scoring.scorer import Scorer, load_scorer

CHAPTER = "docs/learn/en/02-api.md"
TOLERANCE = 1e-5
ROWS_ASKED, ROWS_MIXED = 40, 2000
CHECKS: list[Check] = []
Row = dict[str, Value]


@dataclass(frozen=True)
class Api:
    """The learner's server, the model that it must serve, and the grader's rows."""

    server: Server
    scorer: Scorer
    rows: tuple[Row, ...]

    def predict(self, row: object) -> Answer:
        return self.server.ask("POST", "/predict", row)

    def right(self, row: Row) -> tuple[str, float]:
        """The right prediction, and the positive class's probability."""
        card = self.scorer.card
        position = card.classes.index(card.positive)
        score = float(self.scorer.predict(self.scorer.encoded([row]))[0][position])
        threshold = 0.5 if card.threshold is None else card.threshold
        return card.classes[position if score >= threshold else 1 - position], score

    def refuses(self, row: object, what: str, raw: bytes | None = None) -> str:
        """What is wrong if such a row is not answered 422; else empty."""
        answer = self.server.ask("POST", "/predict", row, raw=raw)
        return "" if answer.status == 422 else f"{what} was answered {answer.shown}"

    def first(self, kind: str) -> str:
        """A feature of this kind that was never missing in training, if there is one."""
        of_kind = [one for one in self.scorer.card.features if one.kind == kind]
        return next((one.name for one in of_kind if not one.may_be_missing), of_kind[0].name if of_kind else "")


@check(CHECKS, "POST /predict gives the model's own probability, within 1e-5.", f"{CHAPTER}#the-idea")
def probability(api: Api) -> str:
    for row in api.rows:
        answer = api.predict(row)
        given, (_, right) = answer.json, api.right(row)
        seen = given.get("probability") if isinstance(given, dict) else None
        if answer.status != 200 or not isinstance(seen, int | float) or not abs(seen - right) <= TOLERANCE:
            return f"{json.dumps(row)[:300]} was answered {answer.shown}; probability {right:.6f} is required."
    return ""


@check(CHECKS, "The prediction is decided by the threshold in model.json.", f"{CHAPTER}#the-idea")
def threshold(api: Api) -> str:
    for row in api.rows:
        given, (right, score) = api.predict(row).json, api.right(row)
        seen = given.get("prediction") if isinstance(given, dict) else None
        if seen != right:
            return f"a row of probability {score:.4f} got prediction {str(seen)[:40]!r}; {right!r} is required."
    return ""


@check(CHECKS, "A row without one of its features is answered 422.", f"{CHAPTER}#strictness")
def missing(api: Api) -> str:
    name = api.first("numeric")
    return api.refuses({key: value for key, value in api.rows[0].items() if key != name}, f"a row without {name}")


@check(CHECKS, "A row with a member that is no feature is answered 422.", f"{CHAPTER}#strictness")
def unknown(api: Api) -> str:
    return api.refuses({**api.rows[0], "colour_of_the_sky": "blue"}, "a row with colour_of_the_sky")


@check(CHECKS, 'A number sent as text ("12.5") is answered 422.', f"{CHAPTER}#strictness")
def wrong_type(api: Api) -> str:
    name = api.first("numeric")
    return api.refuses({**api.rows[0], name: "12.5"}, f'"12.5" as {name}')


@check(CHECKS, "NaN in place of a number is answered 422, and not 500.", f"{CHAPTER}#what-goes-wrong-in-practice")
def nan(api: Api) -> str:
    name = api.first("numeric")
    body = json.dumps({**api.rows[0], name: float("nan")}).encode()
    return api.refuses(None, f"NaN as {name}", raw=body)


@check(CHECKS, 'GET /readyz gives 200 and {"status": "ready"}.', f"{CHAPTER}#run-this")
def health(api: Api) -> str:
    answer = api.server.ask("GET", "/readyz")
    is_right = answer.status == 200 and isinstance(answer.json, dict) and answer.json.get("status") == "ready"
    return "" if is_right else f"GET /readyz was answered {answer.shown}"


@check(CHECKS, "/openapi.json has an example of a row, and the example is answered 200.", f"{CHAPTER}#run-this")
def example(api: Api) -> str:
    document = api.server.ask("GET", "/openapi.json").json
    found = list(_examples(document))
    if not found:
        return "the body of POST /predict in /openapi.json has no example of a whole row."
    answer = api.predict(found[0])
    return "" if answer.status == 200 else f"the example {json.dumps(found[0])[:160]} was answered {answer.shown}"


def _examples(document: Any) -> Iterator[Row]:
    """Complete example rows of POST /predict, wherever the document has them."""
    try:
        media = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        places = [media, media.get("schema", {})]
        if "$ref" in places[1]:
            places.append(document["components"]["schemas"][places[1]["$ref"].rpartition("/")[2]])
        for place in places:
            examples = place.get("examples", [])
            values = [one.get("value") for one in examples.values()] if isinstance(examples, dict) else list(examples)
            yield from (one for one in [*values, place.get("example")] if isinstance(one, dict) and one)
    except (KeyError, TypeError, AttributeError):
        return


def rows_of(scorer: Scorer, model: Path) -> tuple[Row, ...]:
    """Golden rows, and mixtures of them, which are in no file: their right answers can only be computed.

    First come mixtures with a probability between the threshold and one half, where the likelier class is wrong.
    """
    golden = Golden.model_validate_json((model / "golden.json").read_bytes()).rows
    complete = [dict(one.inputs) for one in golden if None not in one.inputs.values()] or [
        dict(one.inputs) for one in golden
    ]
    names = [one.name for one in scorer.card.inputs]
    draw = random.Random(7)
    mixed = [{name: draw.choice(complete)[name] for name in names} for _ in range(ROWS_MIXED)]
    position = scorer.card.classes.index(scorer.card.positive)
    scores = scorer.predict(scorer.encoded(mixed))[:, position].tolist()
    ends = sorted((0.5 if scorer.card.threshold is None else scorer.card.threshold, 0.5))
    between = [row for row, score in zip(mixed, scores, strict=True) if ends[0] < score < ends[1]]
    return (*between[: ROWS_ASKED // 4], *complete[: ROWS_ASKED // 2], *mixed[: ROWS_ASKED // 4])


@contextlib.contextmanager
def serving(place: Place) -> Iterator[Api]:
    """The learner's app, started on a copy of its folder and of the model. Raises ProgramError."""
    scorer = scorer_of(place.build)
    with tempfile.TemporaryDirectory(prefix="exercise-") as root:
        work = copy_of(place.folder, Path(root) / "work")
        model = copy_of(place.build / "train" / "model", Path(root) / "model")
        with start(work, model, place) as server:
            yield Api(server, scorer, rows_of(scorer, place.build / "train" / "model"))


def start(work: Path, model: Path, place: Place) -> contextlib.AbstractContextManager[Server]:
    """Start it as a process here, or in a container if the place says so."""
    if place.engine:
        from exercises.graders.container import served_in_container

        return served_in_container(work, model, place.build)
    return served("app:app", work, sys.executable, {"MODEL_DIR": str(model)})


def scorer_of(build: Path) -> Scorer:
    """The challenger. Raises ProgramError if there is none, or it is not binary."""
    try:
        scorer = load_scorer(build / "train" / "model")
    except ModelFolderError as error:
        raise ProgramError(f"There is no model to serve: {error} `make train` makes one.") from None
    if scorer.card.task != "binary":
        raise ProgramError(f"The exercises need a binary model, as the flights have; this one is {scorer.card.task}.")
    return scorer


EXERCISE = Exercise(
    number="1",
    folder="01-api",
    title="A first API",
    checks=CHECKS,
    subject=serving,
    different=(
        "service/formats/row_schema.py makes the schema from the model card, service/http/application.py answers "
        "ahead of FastAPI's router, and service/prediction/predictor.py writes the log before it answers."
    ),
)
