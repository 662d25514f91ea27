"""Where the champion comes from: the model folder `build/champion/`, or none.

In GitHub a workflow puts the model folder of the image tagged `champion` there, on a laptop `make promote`. None is
a stated case, in which the floors alone decide. A folder that is there but cannot be trusted is never taken for none.
"""

import os
from pathlib import Path

from contracts.stage import Build

REMEDY = (
    "Put the champion's folder back; or, if it shall not be compared with any more, move build/champion away: "
    "then the floors alone decide."
)


def champion_folder(build: Build) -> Path | None:
    """The champion's folder, whatever state it is in; None where there is nothing of that name."""
    return build.champion if os.path.lexists(build.champion) else None  # a dangling link is a champion gone wrong
