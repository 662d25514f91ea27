"""The files of load-tests/ are scripts that import each other as siblings, because its name cannot be a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "load-tests"))
