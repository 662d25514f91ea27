"""A small healthy scene for tests of the drills' runner: drawn tables and hand-made models, evaluated in a second."""

from pathlib import Path

from drills.scene import SOURCE, Scene
from testbed.model_folders import draw_tables, write_data, write_model
from tests.training.evaluating import pipeline_toml


def healthy(root: Path) -> Scene:
    """pipeline.toml, the source's table, data, a challenger, and a champion of another commit."""
    root.mkdir()
    scene = Scene(root)
    frames = draw_tables()
    frames["train"].to_parquet(root / SOURCE, index=False)
    write_data(scene.build, frames)
    write_model(scene.challenger, scene.build)
    write_model(scene.champion, scene.build, commit="b" * 40)
    pipeline_toml(root)
    return scene
