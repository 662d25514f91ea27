"""Promises for everybody who takes this over: what the Makefile, the documents and the tree say is true.

What binds this repository alone (figures, the README's length) is in test_this_repository.py.
"""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from contracts.pipeline_toml.keys import METRICS_OF_TASK
from contracts.stage import CHAIN
from service.settings import Settings
from tests.repository.structure import MAX_FILES, circles, structure_of

ROOT = Path(__file__).parents[2]
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "core", "misc"}
# What each room may import of ours. What crosses a boundary is a file, never an import.
MAY_IMPORT = {
    "contracts": {"contracts"},
    "scoring": {"contracts", "scoring"},
    "training": {"contracts", "scoring", "training"},
    "service": {"contracts", "scoring", "service"},
    # deploy: the engine's command line, and with what rights the image runs; training: the digest of a table alone.
    "load-tests": {"contracts", "scoring", "deploy", "training"},
    "reports": {"contracts", "scoring", "reports"},
    "deploy": {"contracts", "scoring", "deploy"},
    "monitoring": {"contracts", "monitoring"},
    "drills": {"contracts", "scoring", "training", "service", "reports", "drills"},
    "publishing": {"contracts", "publishing", "reports"},
    "exercises": {"contracts", "scoring", "training", "deploy", "drills", "exercises"},
}
NEVER_IN_SERVING = {"sklearn", "pandas", "scipy", "pyarrow", "onnx", "skl2onnx", "evidently", "locust", "matplotlib"}


def tracked(pattern: str = "") -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *([pattern] if pattern else [])],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def imports_of(path: Path) -> set[str]:
    """Top-level names that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    ours = {
        "contracts", "scoring", "training", "service", "reports", "deploy", "monitoring", "publishing", "benchmarks",
        "drills", "exercises", "tests",
    }  # fmt: skip
    for path in (ROOT / room).rglob("*.py"):
        assert imports_of(path) & ours <= MAY_IMPORT[room], path


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_the_output_of_a_program_may_be_no_utf_8(room: str) -> None:
    """`text=True` alone raises UnicodeDecodeError where a program prints another encoding: use `errors=`."""
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                given = {one.arg for one in node.keywords}
                assert not given & {"text", "universal_newlines"} or "errors" in given, f"{path}:{node.lineno}"


def test_nothing_but_tests_imports_tests() -> None:
    for path in tracked("*.py"):
        assert path.relative_to(ROOT).parts[0] == "tests" or "tests" not in imports_of(path), path


@pytest.mark.parametrize("room", ["contracts", "scoring", "service"])
def test_what_goes_into_the_image_needs_only_serving_dependencies(room: str) -> None:
    left_out = {
        ROOT / line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.endswith(".py") and line[0] != "!"
    }
    for path in set((ROOT / room).rglob("*.py")) - left_out:
        assert not imports_of(path) & NEVER_IN_SERVING, path


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {path for path in tracked("*.py") if path.stem in FORBIDDEN_NAMES}
    assert not named


def test_every_module_says_what_it_is() -> None:
    silent = [
        path
        for path in tracked("*.py")
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_every_stages_manual_names_what_it_reads_writes_and_exits_with() -> None:
    stages = [path for path in tracked("*.py") if "run_stage" in path.read_text() and path.parent.name != "contracts"]
    stages = [path for path in stages if "tests" not in path.parts]
    assert len(stages) >= len(CHAIN)
    for path in stages:
        manual = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for word in ("Reads", "Writes", "Exits"):
            assert word in manual, f"{path} does not say {word}"


def makefiles() -> str:
    """The Makefile and each room's commands."""
    paths = (ROOT / "Makefile", *(path for path in tracked() if path.name == "commands.mk"))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_make_runs_the_chain_in_the_order_of_the_contract() -> None:
    plan = subprocess.run(["make", "-n", "pipeline"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert f"for stage in {' '.join(CHAIN)}; do" in plan


def test_every_module_that_a_makefile_runs_exists() -> None:
    for module in re.findall(r"-m ([a-z][\w.]+)", makefiles()):
        place = ROOT / module.replace(".", "/")
        assert module == "venv" or place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module


def test_every_command_of_a_room_that_a_makefile_runs_exists() -> None:
    for path in ROOT.glob("*/__main__.py"):
        table = re.findall(r'^    "([a-z-]+)": "([\w.]+)",$', path.read_text(encoding="utf-8"), re.M)
        for name, module in table:
            text = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
            assert re.search(r"^(def main\(|main = )", text, re.M), f"{path.parent.name} {name}: {module}"
        asked = set(re.findall(rf"-m {path.parent.name} ([a-z-]+)", makefiles()))
        assert not table or asked <= {name for name, _ in table}, path.parent.name


def test_no_folder_of_code_is_crowded_and_no_rooms_import_each_other() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in tracked("*.py")}
    seen = structure_of(texts)
    assert {folder: count for folder, count in seen.files.items() if count > MAX_FILES} == {}
    assert circles(seen.arrows) == set()


def test_every_make_target_is_described() -> None:
    makefile = makefiles()
    phony = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.M))
    described = set(re.findall(r"^([a-z-]+):.*#[#.] \S", makefile, re.M))
    assert phony == described


def test_every_command_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", makefiles(), re.M))
    for path in tracked("*.md"):
        named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", path.read_text(encoding="utf-8"), re.M))
        assert named <= targets, f"{path.relative_to(ROOT)} names make {', '.join(named - targets)}"


def test_every_relative_link_of_a_document_leads_somewhere() -> None:
    for path in tracked("*.md"):
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.relative_to(ROOT)} links to {link}"


def tree_of_the_readme() -> set[str]:
    """What the README's block `tree` names; a README without one names nothing."""
    tree = re.search(r"```tree\n(.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    return {line.split()[0] for line in tree[1].splitlines() if line.strip()} if tree else set()


def test_every_name_in_the_readmes_tree_is_there() -> None:
    assert {name for name in tree_of_the_readme() if not (ROOT / name).exists()} == set()


def test_every_key_of_pipeline_toml_says_when_to_change_it() -> None:
    lines = (ROOT / "pipeline.toml").read_text(encoding="utf-8").splitlines()
    tomllib.loads("\n".join(lines))
    explained = False
    for line in lines:
        explained = line.startswith("#") or (explained and bool(line) and not line.startswith("["))
        if "=" in line and not line.startswith("#"):
            assert explained, f"pipeline.toml: no comment above {line!r}"


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if match := re.match(r"([a-z0-9._-]+)(?:\[.*\])?==([^ ;\\]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize(
    "name",
    ["service.txt", "train.txt", "load.txt", "report.txt", "pages.txt", "publish.txt", "s3.txt", "kubernetes.txt"],
)
def test_a_requirement_has_one_version_everywhere(name: str) -> None:
    everything = pins("dev.txt")
    assert pins(name)
    for package, versions in pins(name).items():
        assert versions <= everything[package], package


GROUPS = (
    "service",
    "train",
    "lightgbm",
    "xgboost",
    "catboost",
    "tables",
    "load",
    "report",
    "pages",
    "publish",
    "s3",
    "kubernetes",
    "dev",
    "uv",
)


@pytest.mark.parametrize("name", [f"{name}.txt" for name in GROUPS])
def test_requirements_are_hashed_and_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "index" not in re.sub(r"^[a-z0-9._-]+==.*$", "", text, flags=re.M)
    assert "://" not in text


def test_every_dependency_of_the_project_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {"service.txt": project["project"]["dependencies"]}
    groups |= {f"{name}.txt": wanted for name, wanted in project["dependency-groups"].items() if name != "dev"}
    groups["dev.txt"] = project["dependency-groups"]["dev"]
    for name, wanted in groups.items():
        names = {re.split(r"[\[<>=!; ]", one)[0].lower() for one in wanted}
        assert names <= set(pins(name)), f"requirements/{name}: run `make lock`"


def test_a_check_is_switched_off_only_by_its_name_and_for_a_reason() -> None:
    for path in tracked("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"# type: (?:ignore)(?!\[)|# (?:noqa)(?!: [A-Z])", text), path
        lines = ["", *text.splitlines()]
        for number, line in enumerate(lines):
            if re.search(r"# type: (?:ignore)\[[\w, -]+\]$", line):
                before = next(one for one in lines[number - 1 :: -1] if not re.search(r"# type: (?:ignore)\[", one))
                assert before.lstrip().startswith("# "), f"{path}:{number}: why?"


def test_every_setting_of_the_service_is_in_the_handbook() -> None:
    handbook = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert f"| `{name.upper()}` | {field.description} |" in handbook


def test_every_metric_is_in_the_handbook() -> None:
    handbook = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for names in METRICS_OF_TASK.values():
        for name in names:
            assert f"| `{name}` |" in handbook
