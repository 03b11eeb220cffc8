"""Progress of a job, told from inside the function that does the work."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    fraction : float or None
        Between 0 and 1; None where the amount of work is unknown.
    message
        A few words on what is being done now.
    """

    fraction: float | None = None
    message: str = ""


_listener: Callable[[Progress], None] | None = None


def report(fraction: float | None = None, message: str = "") -> None:
    """Tell whoever submitted the running job how far it is; outside a job it does nothing."""
    if _listener is not None:
        _listener(Progress(fraction, message))


def listen(listener: Callable[[Progress], None] | None) -> None:
    """Set who hears this process's reports: the engine's child does so for each job."""
    global _listener
    _listener = listener
