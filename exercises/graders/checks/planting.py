"""Plants a learner's fault, in a process of its own under the limits of exercises/graders/program.py.

    python -m exercises.graders.checks.planting drill.py SCENE DECLARED.json

Reads   the learner's module; the scene, a copy of their run
Writes  the fault into the scene; what the module declares as JSON
Exits   0 planted · 3 the module is no drill, or its fault changed nothing
"""

import importlib.util
import sys
from pathlib import Path

from contracts.exits import Exit
from drills.drill import Drill, named
from drills.scene import PlantError, Scene
from exercises.graders.checks.drill import declaration


def main(module: Path, root: Path, declared: Path) -> Exit:
    """Run the command and return its exit code."""
    # In a package, like drills.rows.one_class: a drill's folder is its package's name.
    name = "own.drill"
    specification = importlib.util.spec_from_file_location(name, module)
    if specification is None or specification.loader is None:
        print(f"{module.name} is no Python module.")
        return Exit.FINDING
    loaded = importlib.util.module_from_spec(specification)
    sys.modules[name] = loaded
    specification.loader.exec_module(loaded)
    drill = getattr(loaded, "plant", None)
    if not isinstance(drill, Drill):
        print("required: a function `plant` with @drill(stage, exit code, reason).")
        return Exit.FINDING
    try:
        drill.plant(Scene(root, {"TARGET": "process"}))
    except PlantError as error:
        print(f"the fault changed nothing: {error}")
        return Exit.FINDING
    declared.write_text(declaration(named(drill, loaded)), encoding="utf-8")
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
