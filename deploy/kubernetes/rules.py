"""`make kubernetes-rules`: Compose's alert rules as a PrometheusRule for the Prometheus Operator.

Groups, expressions and comments are those of monitoring/rules, but for REPLACED: in Kubernetes a pod that is gone
leaves no target that is down, and there are several edges.

Reads   monitoring/rules/*.yaml, without their tests
Writes  deploy/kubernetes/operator/rules.yaml
Exits   0 written · 2 a rule that REPLACED names has changed
"""

import textwrap
from pathlib import Path

from contracts.exits import Exit, UsageError
from deploy.command import run_command

CHECKOUT = Path(__file__).resolve().parents[2]
RULES = CHECKOUT / "monitoring" / "rules"
GENERATED = Path(__file__).parent / "operator" / "rules.yaml"
REPLACED = {
    '0 * sum by (job) (up{job="service"})': 'label_replace(vector(0), "job", "service", "", "")',
    'up{job="edge"} == 0': ('(sum by (job) (up{job="edge"}) or label_replace(vector(0), "job", "edge", "", "")) == 0'),
    '"{{ $labels.instance }} has not answered Prometheus for a minute: clients probably get nothing."': (
        '"No pod of the edge has answered Prometheus for a minute: clients probably get nothing."'
    ),
    # Not what else this Prometheus scrapes.
    'up{job!~"edge|drift"} == 0': 'up{job=~"service|edge"} == 0',
}
HEAD = "# Written by `make kubernetes-rules` from monitoring/rules: change it there.\n"
DOCUMENT = """---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {name}
spec:
{rules}"""


def main() -> Exit:
    """Run the command and return its exit code."""

    def work() -> str:
        GENERATED.write_text(rules_text(), encoding="utf-8")
        return f"kubernetes-rules: {GENERATED.relative_to(CHECKOUT)} is written."

    return run_command("kubernetes-rules", work)


def rules_text(folder: Path = RULES) -> str:
    """What the file has to be: one document for each rule file. Raises UsageError."""
    files = sorted(path for path in folder.glob("*.yaml") if not path.stem.endswith("_tests"))
    text = HEAD + "".join(
        DOCUMENT.format(name=path.stem, rules=textwrap.indent(path.read_text(encoding="utf-8"), "  ")) for path in files
    )
    for before, after in REPLACED.items():
        if before not in text:
            raise UsageError(
                f"No rule in {folder} has `{before}` any more. Change REPLACED in deploy/kubernetes/rules.py."
            )
        text = text.replace(before, after)
    return text
