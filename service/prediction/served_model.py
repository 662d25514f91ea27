"""Everything that depends on the model folder, so that a reload replaces all of it at once."""

from pathlib import Path

from contracts.model_folder import Golden, ModelFolderError
from scoring.prove_in_subprocess import prove_in_subprocess
from scoring.scorer import RowScorer, Scorer, load_scorer
from service.formats.answers import shape_of
from service.formats.arrow.answer import ArrowAnswer
from service.formats.arrow.rows import ArrowReader
from service.formats.encoding import RowEncoder
from service.formats.json_batches import BatchReader
from service.formats.json_rows import RowReader
from service.formats.row_schema import row_bytes
from service.metrics import PROBABILITIES


class ServedModel:
    """One model, ready to answer."""

    def __init__(self, scorer: Scorer, score_bounds: tuple[float, ...]) -> None:
        card = scorer.card
        self.card = card
        self.digest = scorer.digest
        self.rows = RowReader(card)
        self.encoder = RowEncoder(card.features)
        self.batches = BatchReader(card, self.rows, self.encoder)
        self.arrow = ArrowReader(card, self.encoder)
        self.arrow_answer = ArrowAnswer(card, scorer.digest)
        self.score = scorer.predict
        self.one = RowScorer(scorer)
        self.shape = shape_of(card)
        self.score_bounds = score_bounds
        self.max_row_bytes = max(16 * 1024, row_bytes(card))
        self.max_batch_bytes = self.max_row_bytes + row_bytes(card) * card.max_batch_rows
        digest = scorer.digest.encode()
        # Formats of the id, then the shape's arguments; a batch names the model once.
        self.answer = b'{"id":"%%b","model":"%b",%b}' % (digest, self.shape.answer_format)
        self.batch_row = b'{"id":"%%b",%b},' % self.shape.answer_format
        self.batch_answer = b'{"model":"%b","predictions":[%%b]}' % digest
        # A PredictionRecord (contracts/request_log.py): start, id, middle (time and key), features, shape's arguments.
        self.record_start = b'{"v":1,"id":"'
        self.record_middle = b'","at_us":%%d,"model":"%b",%%b"features":' % digest
        self.record = b"%b%%b%b%%b,%b}\n" % (self.record_start, self.record_middle, self.shape.record_format)
        # A ShadowRecord of id and time, then the shape's arguments.
        self.shadow_record = b'{"v":1,"id":"%%b","at_us":%%d,"model":"%b",%b}\n' % (digest, self.shape.record_format)


def bounds_of_values(folder: Path) -> tuple[float, ...]:
    """Histogram buckets for a regression: the outputs of the golden rows, which are evenly spaced quantiles."""
    golden = Golden.model_validate_json((folder / "golden.json").read_bytes())
    return tuple(sorted({value for row in golden.rows for value in row.output}))


def load_bounded(folder: Path, cpu_seconds: int) -> ServedModel:
    """As load_served_model, for a folder that is not trusted. Raises ModelFolderError with the reason."""
    proved = prove_in_subprocess(folder, cpu_seconds)
    model = load_served_model(folder)
    if model.digest != proved:
        raise ModelFolderError(f"{folder} was changed while it was read.")
    return model


def load_served_model(folder: Path) -> ServedModel:
    """Verify, load and prove the folder. Raises ModelFolderError with the reason."""
    scorer = load_scorer(folder)
    return ServedModel(scorer, bounds_of_values(folder) if scorer.card.task == "regression" else PROBABILITIES)
