"""The four drawings, made from the code's real names of stages, files, routes and rules.

A name that no longer exists raises LookupError, and the test that compares the files with this module fails.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from contracts.stage import CHAIN, StageName
from exercises.lessons.canvas import Canvas
from exercises.lessons.words import LANGUAGES, WORDS, Language

ROOT = Path(__file__).resolve().parents[2]
# The highlighted boxes of each chapter.
LIT: dict[int, tuple[StageName, ...]] = {
    1: (*CHAIN, "deploy"),
    2: ("load-test",),
    3: ("build",),
    4: ("evaluate", "deploy"),
    5: ("load-test", "drift"),
}


def named(path: str, text: str = "") -> str:
    """The path, if it exists and contains the text. Raises LookupError."""
    file = ROOT / path
    if not file.is_file() or text not in file.read_text(encoding="utf-8"):
        raise LookupError(f"{path} has no {text!r}: the drawing names what is gone.")
    return path


def cycle(words: dict[str, str], chapter: int = 0) -> str:
    """The stages from top to bottom, and the arrow back from drift to data."""
    canvas = Canvas(words["cycle"])
    lit = LIT.get(chapter, ())
    y, ends = 16.0, {}
    for stage in (*CHAIN, "deploy"):
        under = words[stage]
        bottom = canvas.box(16, y, 276, f"make {stage}", under, lit=stage in lit)
        ends[stage] = (y + bottom) / 2
        if stage != "deploy":
            canvas.down(154, bottom, bottom + 18)
        y = bottom + 18
    canvas.back(292, ends["drift"], 312, ends["data"])
    canvas.text(318, (ends["drift"] + ends["data"]) / 2 - 4, words["again"], "mark")
    canvas.text(318, (ends["drift"] + ends["data"]) / 2 + 12, "as_of", "mark")
    return canvas.svg()


def api(words: dict[str, str]) -> str:
    """A request's way through service/."""
    canvas = Canvas(words["api"])
    named("service/api/routes.py", '"/predict"')
    steps = (
        ("POST /predict", words["client"]),
        (named("service/http/application.py", "class Application"), words["front"]),
        (named("service/formats/row_schema.py", "strict=True"), words["check"]),
        (named("scoring/encoder.py", "class Encoder"), words["encode"]),
        (named("scoring/scorer.py", "class RowScorer"), words["score"]),
        (named("service/log/writer.py", "class RecordLog"), words["log"]),
        ("200", words["answer"]),
    )
    y = 16.0
    for at, (name, under) in enumerate(steps):
        bottom = canvas.box(16, y, 268, name, under, lit=name.startswith("service/log"))
        if at < len(steps) - 1:
            canvas.down(141, bottom, bottom + 18)
        if name.endswith("application.py"):
            canvas.right(284, 300, y + 23)
            canvas.text(304, y + 20, "FastAPI", "name")
            for line, part in enumerate(_wrapped(words["routed"], 12)):
                canvas.text(304, y + 37 + 14 * line, part)
        y = bottom + 18
    return canvas.svg()


def layers(words: dict[str, str]) -> str:
    """The COPY lines of the Dockerfile's last stage, newest on top, over its base."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    last = dockerfile[dockerfile.rindex("\nFROM ") :]
    copied = re.findall(r"^COPY --from=files (\S+) \S+$", last, re.M)
    meaning = {"/model": "model-changes", "/app": "code-changes", "/dependencies": "dependencies-change"}
    if not set(meaning) <= set(copied):
        raise LookupError(f"The Dockerfile copies {copied}; the drawing knows {list(meaning)}.")
    canvas = Canvas(words["layers"])
    y = canvas.box(16, 16, 358, "LABEL …revision", words["changes"]) + 6
    for place in reversed([one for one in copied if one in meaning]):
        y = canvas.box(16, y, 358, f"COPY {place}", words[meaning[place]], lit=place == "/dependencies") + 6
    base = re.search(r"^ARG PYTHON_IMAGE=(\S+?)@", dockerfile, re.M)
    y = canvas.box(16, y, 358, f"FROM {base[1] if base else 'python'}@sha256:…", words["base-changes"])
    canvas.text(16, y + 22, words["outside"], "mark")
    user = re.search(r"^USER (\S+)$", last, re.M)
    canvas.text(16, y + 40, f"USER {user[1] if user else ''} · --read-only · --cap-drop=ALL")
    return canvas.svg()


def monitoring(words: dict[str, str]) -> str:
    """Service, Prometheus with its rules, Alertmanager, a person; and the daily drift job."""
    settings = yaml.safe_load((ROOT / "monitoring/prometheus.yml").read_text(encoding="utf-8"))
    jobs = [one["job_name"] for one in settings["scrape_configs"]]
    canvas = Canvas(words["monitoring"])
    bottom = canvas.box(16, 16, 170, f"{jobs[0]}, {jobs[1]}", "/metrics")
    canvas.box(204, 16, 170, "make scheduled-drift", words["log-read"])
    canvas.down(101, bottom, bottom + 26)
    canvas.down(289, bottom, bottom + 26)
    canvas.text(16 + 92, bottom + 16, words["scrapes"].format(seconds=settings["global"]["scrape_interval"]))
    canvas.text(296, bottom + 16, words["verdict"])
    y = bottom + 26
    bottom = canvas.box(16, y, 358, "Prometheus", words["rules"], lit=True)
    canvas.down(101, bottom, bottom + 24)
    canvas.down(289, bottom, bottom + 24)
    y = bottom + 24
    bottom = canvas.box(16, y, 170, "Alertmanager", words["routes"])
    canvas.box(204, y, 170, "Grafana", words["dashboards"])
    canvas.down(101, bottom, bottom + 20)
    canvas.box(16, bottom + 20, 250, named("docs/runbook.md"), words["person"])
    return canvas.svg()


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def pictures() -> Iterator[tuple[str, str]]:
    """Every file's name and content."""
    for language in LANGUAGES:
        yield from _of(language, WORDS[language])


def _of(language: Language, words: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield f"cycle-{language}.svg", cycle(words)
    for chapter in LIT:
        yield f"cycle-{language}-{chapter}.svg", cycle(words, chapter)
    yield f"api-{language}.svg", api(words)
    yield f"layers-{language}.svg", layers(words)
    yield f"monitoring-{language}.svg", monitoring(words)
