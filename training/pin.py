"""Writes the current sha256 of data.source into pipeline.toml, and changes nothing else in the file.

Run `make pin` after "the data has changed", or for a source on another machine that has no sha256 yet. Look at the data
first: from then on every run refuses any other. The change is one line in git, and its pull request shows the effect on
the metrics.

Reads   pipeline.toml and data.source.
Writes  data.sha256 in pipeline.toml.
Exits   0 written, or already right · 2 pipeline.toml or its source cannot be used · 3 the table is refused.
"""

import argparse
import sys
from pathlib import Path

from contracts.exits import Exit, FindingError, UsageError
from contracts.pipeline_toml.edits import edit, with_data_value
from contracts.pipeline_toml.reader import load_config
from training.dataset.sources import read_unpinned


def pin(path: Path) -> str:
    """Pin the source of one pipeline.toml; returns the sentence to print. Raises UsageError or FindingError."""
    config = load_config(path)
    loaded = read_unpinned(config.data.source)
    size = f"{len(loaded.table):,} rows and {len(loaded.table.columns)} columns of {config.data.source}"
    if config.data.sha256 == loaded.sha256:
        return f"{path}: data.sha256 is right already, {loaded.sha256}; {size}."
    edit(path, lambda text: with_data_value(text, "sha256", f'"{loaded.sha256}"', after="source"))
    return f"{path}: data.sha256 is now {loaded.sha256}, it was {config.data.sha256 or 'empty'}; {size}."


def main() -> Exit:
    """The command `make pin`."""
    parser = argparse.ArgumentParser(
        prog="make pin", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("pipeline.toml"), help="default: pipeline.toml")
    try:
        print(f"pin: {pin(parser.parse_args().config)}")
    except (UsageError, FindingError) as error:
        print(f"pin: {error}", file=sys.stderr)
        return Exit.USAGE if isinstance(error, UsageError) else Exit.FINDING
    return Exit.PASS
