"""Whether the service wants traffic."""


class Readiness:
    """Whether /readyz says yes."""

    def __init__(self) -> None:
        self.is_draining = False

    def __call__(self) -> bool:
        return not self.is_draining
