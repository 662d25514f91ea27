"""Control: the log has probabilities with six decimals; it must pass."""

from drills.drill import PASS, drill
from drills.logged import logged_otherwise

plant = drill("drift", PASS, r"^Inputs are stable: .* Predictions are stable")(
    logged_otherwise(lambda said: said.round(6))
)
