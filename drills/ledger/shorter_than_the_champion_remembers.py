"""Seven evaluations were counted when the champion was promoted, and three are left; the decision must say so."""

from contracts.model_folder import model_digest
from contracts.release import Champion
from contracts.schema import write_json
from drills.drill import PASS, drill
from drills.evaluation_counts import holdout_of, write_evaluations
from drills.scene import Scene


@drill(
    "evaluate",
    PASS,
    r"The count of holdout evaluations is shorter than it was: 7 when the champion was promoted, 3 now\.",
)
def plant(scene: Scene) -> None:
    write_evaluations(scene, holdout_of(scene), 2)
    write_json(scene.build.champion_record, Champion(model=model_digest(scene.champion), evaluations=7))
