"""The bad images: a good one and a small layer with one fault. Python imports sitecustomize at every start."""

SITE = "/dependencies/sitecustomize.py"

CRASHES_AT_BOOT = """
import os, sys
print("planted: a library is missing", file=sys.stderr, flush=True)
os._exit(1)
"""

NEVER_READY = """
from service.http.server import Readiness
Readiness.__call__ = lambda self: False
"""

# Below this it works: the canary sees nothing. With all the traffic each replica gets half of 250 a second.
DIES_UNDER_FULL_LOAD = """
import os, time
from collections import deque
from service.prediction.predictor import Predictor
good, seen = Predictor.one, deque(maxlen=200)
def one(self, *arguments):
    seen.append(time.monotonic())
    if len(seen) == seen.maxlen and seen[-1] - seen[0] < 2.0:
        os._exit(1)
    return good(self, *arguments)
Predictor.one = one
"""

WRONG_ANSWERS = """
import re
from service.prediction.predictor import Predictor
good = Predictor.one
def one(self, *arguments):
    return re.sub(rb'"probability":[-+.e0-9]+', b'"probability":0.123', good(self, *arguments))
Predictor.one = one
"""

# On top of what takes 0.4 ms otherwise.
FIVE_TIMES_SLOWER = """
import time
from service.prediction.predictor import Predictor
good = Predictor.one
def one(self, *arguments):
    time.sleep(0.0016)
    return good(self, *arguments)
Predictor.one = one
"""

SITES = {
    "crashes at boot": CRASHES_AT_BOOT,
    "never ready": NEVER_READY,
    "dies during the watch": DIES_UNDER_FULL_LOAD,
    "wrong answers with status 200": WRONG_ANSWERS,
    "five times slower": FIVE_TIMES_SLOWER,
}
