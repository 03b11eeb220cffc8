"""The time, as a project's files state it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Tell the time in UTC."""
    return datetime.now(UTC)


def stamp(when: datetime | None = None) -> str:
    """Write a time, by default the present one, in ISO 8601 and UTC."""
    return (when or now()).astimezone(UTC).isoformat(timespec="milliseconds")


def parse(text: str) -> datetime:
    """Read a time that `stamp` wrote; ValueError if it is none, or does not name its zone."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text!r} does not name its time zone")
    return when.astimezone(UTC)
