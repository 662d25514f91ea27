"""Serves one model folder: `python -m service`, or proves it and leaves: `python -m service --self-test`.

Reads   the environment (service/settings.py says every variable), the model folder.
Writes  the request log; one JSON line on standard output for each thing that happens, the first with the bound address.
Exits   0 after a signal, or when the self-test passed · 2 wrong settings · 3 a model folder that cannot be trusted.
"""

import argparse
import os
import sys

from contracts.exits import Exit, FindingError, UsageError
from contracts.terminal.plain import plain
from scoring.scorer import load_scorer
from service.logs import log_as_json, say
from service.serve import serve
from service.settings import Settings, read_settings


def main() -> Exit:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--self-test", action="store_true", help="prove the golden rows and exit")
    asked = parser.parse_args()
    try:
        settings = read_settings(os.environ)
        if asked.self_test:
            return self_test(settings)
        log_as_json()
        return serve(settings)
    except UsageError as error:
        print(plain(str(error)), file=sys.stderr)
        return Exit.USAGE
    except FindingError as error:
        print(plain(f"MODEL_DIR is {settings.model_dir}: refused. {error}"), file=sys.stderr)
        return Exit.FINDING


def self_test(settings: Settings) -> Exit:
    """Load the model folder and compare its golden rows. Raises ModelFolderError."""
    scorer = load_scorer(settings.model_dir)
    say("self-test-passed", model=scorer.card.name, digest=scorer.digest, features=len(scorer.card.features))
    return Exit.PASS


if __name__ == "__main__":
    sys.exit(main())
