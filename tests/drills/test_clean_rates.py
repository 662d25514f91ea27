"""False refusals are counted over all checks that ran."""

from drills.rates.clean import CheckRefusals, Refusals, checks_of, table

OF_THE_FOLDER = {"fitted again", "reference rows", "reference predictions", "golden rows", "history of distances"}
OF_THE_ROWS = {"near duplicates", "plausible gain", "out of fold", "shared rows"}


def test_a_clean_challenger_with_a_champion_passes_every_check() -> None:
    """Seed 2: three classes, days, a linear model."""
    seen = checks_of(2)
    assert seen.keys() >= OF_THE_FOLDER | OF_THE_ROWS | {"`make data`", "`make train`", "champion out of fold"}
    assert all(seen.values()), seen


def test_the_table_gives_each_check_its_own_number_of_challengers() -> None:
    seen = Refusals(challengers=200, checks=(CheckRefusals(check="calibration", asked=50, refused=5),), by_any=5)
    shares = [line.split(" | ")[1].split(" ")[0] for line in table(seen).splitlines()[2:]]
    assert shares == ["10", "2.5"]
