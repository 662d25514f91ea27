"""One request in a hundred is answered under the id of an earlier one."""

from drills.answers import served_briefly
from drills.drill import FINDING, drill

plant = drill(
    "load-test",
    FINDING,
    r"number of faults of the request log was [\d,]+; [\d,]+ × answers under an id of another one",
    nightly=True,
)(served_briefly("gives_an_id_twice"))
