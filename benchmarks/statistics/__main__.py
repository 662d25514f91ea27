"""make bench PART=statistics: how often the baseline's floor and the table's contract refuse clean tables.

Writes docs/benchmarks.md between its marks, and benchmarks/statistics/rates.json.
"""

from pathlib import Path

from benchmarks.document import write_section
from benchmarks.statistics.contract import ContractRate, contract_rates, contract_table
from benchmarks.statistics.floor import FloorRate, floor_rates, floor_table
from contracts.schema import Schema, write_json

RECORD = Path(__file__).with_name("rates.json")


class Rates(Schema):
    """rates.json."""

    floor: tuple[FloorRate, ...]
    contract: tuple[ContractRate, ...]


def main() -> None:
    """Measure, and write both files."""
    seen = Rates(floor=tuple(floor_rates()), contract=tuple(contract_rates()))
    write_json(RECORD, seen)
    write_section("statistics", f"{floor_table(seen.floor)}\n\n{contract_table(seen.contract)}")


if __name__ == "__main__":
    main()
