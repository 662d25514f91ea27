"""`build/deploy/deployed.json`: what was put into production, in place of what."""

from typing import Literal

from contracts.schema import Schema


class Deployment(Schema):
    """`model` and `previous` are model digests; `previous` is empty where there was no champion."""

    format_version: Literal[1] = 1
    model: str
    previous: str = ""
    reason: str


class Champion(Schema):
    """champion.json, beside the folder `champion`: what production runs. `image` is `name@sha256:…`, "" where none was
    pushed; `commit` is the one that it was built from."""

    format_version: Literal[1] = 1
    model: str
    image: str = ""
    commit: str = ""
