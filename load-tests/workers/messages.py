"""What master and workers say to each other, by Locust's own messages (msgpack over ZeroMQ); no code goes across.

worker  HELLO    its name and versions (crew.Hello)
master  PLAN     the plan, packed; the hosts; the worker's number and how many there are
worker  READY    the digest of the plan as it understood it
master  CLOCK    a number, which the worker sends back at once with its own clock's time
master  BEGIN    when counting begins, on the worker's own clock
worker  SAMPLES  each second, the counted requests since
worker  DONE     how many it counted in all, and what it saw of its machine
worker  ANSWERS  which row of which service got which answer, for the request log
worker  SENT     that there is nothing more
master  END      empty, or why the worker is not wanted
"""

import hashlib
import zlib

from plan import Plan

HELLO, PLAN, READY, CLOCK, BEGIN = (f"gatehouse-{one}" for one in ("hello", "plan", "ready", "clock", "begin"))
SAMPLES, DONE, ANSWERS, SENT, END = (f"gatehouse-{one}" for one in ("samples", "done", "answers", "sent", "end"))


def packed(plan: Plan) -> bytes:
    """The plan as a message has it."""
    return zlib.compress(plan.model_dump_json().encode(), level=1)


def unpacked(content: bytes) -> Plan:
    """The plan of a message."""
    return Plan.model_validate_json(zlib.decompress(content))


def digest_of(plan: Plan) -> str:
    """Of the plan as it was understood: its rows, their right answers, and when each is due to whom."""
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()
