"""The request log has numbers without their decimals, so drift reads other rows than were scored."""

from drills.answers import OTHER_FEATURES, served_briefly
from drills.drill import FINDING, drill

plant = drill("load-test", FINDING, OTHER_FEATURES, nightly=True)(served_briefly("logs_rounded"))
