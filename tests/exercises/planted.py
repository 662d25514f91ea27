"""One wrong solution for each check: a mistake that people make, as an edit of the right solution.

The check of the same name must catch it, and no other may. Edits are (file, what is there, what is there instead).
"""

from dataclasses import dataclass

from drills.drill import find_drills


@dataclass(frozen=True)
class Wrong:
    """A wrong solution, and the one check that must catch it."""

    check: str
    mistake: str
    edits: tuple[tuple[str, str, str], ...]


def wrong(check: str, mistake: str, *edits: tuple[str, str, str]) -> Wrong:
    return Wrong(check, mistake, edits)


WRITES_FIRST = (
    "import os, sys; open('/app/started', 'w'); "
    "os.execv(sys.executable, [sys.executable, '-m', 'uvicorn', *sys.argv[1:]])"
)
FIRES = """\
        exp_alerts:
          - exp_labels: {severity: ticket, job: api}
            exp_annotations:
              summary: 20% of the predictions are refused
              runbook_url: docs/runbook.md
"""

API = (
    wrong(
        "probability",
        "rounds what it answers",
        ("app.py", ", probability=probability)", ", probability=round(probability, 3))"),
    ),
    wrong("threshold", "takes the likelier class", ("app.py", "probability >= THRESHOLD", "probability >= 0.5")),
    wrong(
        "missing",
        "has a default for every feature",
        ("app.py", "else kind, Field())", "else kind, Field(default=FILLED[feature['kind']]))"),
        (
            "app.py",
            "MISSING, UNKNOWN =",
            'FILLED: dict[str, Any] = {"numeric": 0.0, "boolean": False, "categorical": ""}\nMISSING, UNKNOWN =',
        ),
    ),
    wrong("unknown", "lets members in that it does not know", ("app.py", 'extra="forbid", ', "")),
    wrong("wrong-type", "reads numbers out of text", ("app.py", "strict=True, ", "")),
    wrong(
        "nan",
        "leaves mistakes to FastAPI's own handler, which fails on NaN",
        ("app.py", "@app.exception_handler(RequestValidationError)\n", ""),
    ),
    wrong("health", "answers at another path", ("app.py", '@app.get("/readyz")', '@app.get("/health")')),
    wrong(
        "example",
        "shows an example that lacks a feature",
        ("app.py", "for one in FEATURES}\nmembers", "for one in FEATURES[1:]}\nmembers"),
    ),
)

IMAGE = (
    wrong(
        "lint",
        "starts through a shell",
        (
            "Dockerfile",
            'CMD ["python", "-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]',
            "CMD python -m uvicorn app:app --host 0.0.0.0 --port 8000",
        ),
    ),
    wrong("user", "stays root", ("Dockerfile", "USER 10001:10001\n", "")),
    wrong(
        "read-only",
        "writes beside its code when it starts",
        ("Dockerfile", 'CMD ["python", "-m", "uvicorn",', f'CMD ["python", "-c", "{WRITES_FIRST}",'),
    ),
    wrong("size", "serves with what training needs", ("requirements.txt", "numpy\n", "numpy\npandas\nscikit-learn\n")),
    wrong(
        "order",
        "copies the code before it installs",
        (
            "Dockerfile",
            "COPY requirements.txt /requirements.txt\n",
            "COPY requirements.txt /requirements.txt\nCOPY app.py /app.py\n",
        ),
    ),
    wrong(
        "no-secret",
        "deletes the secret in a later layer",
        (".dockerignore", "!app.py\n", "!app.py\n!.env\n"),
        ("Dockerfile", "COPY app.py ./\n", "COPY app.py .env ./\nRUN rm .env\n"),
    ),
    wrong(
        "no-training",
        "copies the whole checkout but its secrets",
        (".dockerignore", "*\n!requirements.txt\n!app.py\n!model/**\n", ".env\n"),
        ("Dockerfile", "COPY app.py ./\n", "COPY . .\n"),
    ),
)

MONITORING = (
    wrong(
        "counter",
        "counts what went well, only",
        ("app.py", "    REQUESTS.labels(route", "    if response.status_code != 422:\n        REQUESTS.labels(route"),
    ),
    wrong("histogram", "keeps the library's buckets", ("app.py", ", buckets=BUCKETS)", ")")),
    wrong(
        "predictions",
        "counts one class under all names",
        ("app.py", "PREDICTIONS.labels(label).inc()", 'PREDICTIONS.labels(CARD["classes"][POSITIVE]).inc()'),
    ),
    wrong(
        "unmatched",
        "has the raw path as a label",
        ("app.py", 'getattr(request.scope.get("route"), "path", "unmatched")', "request.url.path"),
    ),
    wrong(
        "recording-rule",
        "counts every route's answers as predictions",
        (
            "rules.yaml",
            'sum by (job) (rate(api_requests_total{route="/predict"}[5m]))',
            "sum by (job) (rate(api_requests_total[5m]))",
        ),
    ),
    wrong(
        "fires-when-bad",
        "has a threshold that no bad day reaches",
        ("rules.yaml", "> 0.05", "> 0.5"),
        ("rules_tests.yaml", "0+15x80", "0+180x80"),
        ("rules_tests.yaml", "20%", "75%"),
    ),
    wrong("silent-when-good", "alerts at the first burst", ("rules.yaml", "        for: 5m\n", "")),
    wrong(
        "labelled",
        "says who is called nowhere",
        ("rules.yaml", "        labels:\n          severity: ticket\n", ""),
        ("rules_tests.yaml", "{severity: ticket, job: api}", "{job: api}"),
    ),
    wrong("tests-pass", "expects another percentage", ("rules_tests.yaml", "20% of", "25% of")),
    wrong(
        "tests-notice",
        "tests that it is silent, and never that it fires",
        ("rules_tests.yaml", FIRES, "        exp_alerts: []\n"),
        ("rules_tests.yaml", "        eval_time: 15m\n", "        eval_time: 1m\n"),
    ),
)

DRILL = (
    wrong(
        "sentence",
        "does not say what is planted",
        ("drill.py", "A hundred rows of the source have lost the moment of their departure.", "A drill"),
    ),
    wrong(
        "refused",
        "names another exit code",
        ("drill.py", '@drill("data", FINDING,', '@drill("data", USAGE,'),
        ("drill.py", "import FINDING, drill", "import USAGE, drill"),
    ),
    wrong(
        "reason",
        "has a pattern that fits everything",
        ("drill.py", r"""^data\.time = 'scheduled_at': 100 of [\d,]+ rows do not say when""", "."),
    ),
    wrong(
        "own",
        "has another drill's sentence",
        (
            "drill.py",
            "A hundred rows of the source have lost the moment of their departure.",
            find_drills()[0].planted,
        ),
    ),
)

PROJECT = (
    wrong(
        "endpoints",
        "has a page that was not written again",
        ("endpoints.md", "| `GET /readyz` |", "| `GET /healthz` |"),
    ),
)
