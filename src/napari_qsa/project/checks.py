"""Taking values out of a JSON object that may hold anything."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_text(value: Any) -> bool:
    """Tell whether it is a string."""
    return isinstance(value, str)


def is_count(value: Any) -> bool:
    """Tell whether it is a whole number of at least 0."""
    return type(value) is int and value >= 0


def is_positive(value: Any) -> bool:
    """Tell whether it is a finite number above 0."""
    return type(value) in (int, float) and 0 < value < float("inf")


def is_id(value: Any) -> bool:
    """Tell whether it can name a file: letters, digits, dots and dashes, no way out."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_digest(value: Any) -> bool:
    """Tell whether it is a SHA-256 sum in hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def is_one_of(*choices: Any) -> Check:
    """Tell whether it is one of some values, of the same type."""
    return lambda value: any(type(value) is type(c) and value == c for c in choices)


def or_none(check: Check) -> Check:
    """Allow None besides."""
    return lambda value: value is None or check(value)


def taken(values: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Take the entries that are named in `checks`; others are left.

    Raises
    ------
    ValueError
        If `values` is no object, or an entry is missing or fails its check; the message is a
        part of a sentence.
    """
    if not isinstance(values, dict):
        raise ValueError("an entry is no object")
    for name, check in checks.items():
        if name not in values or not check(values[name]):
            raise ValueError(f"an entry {name!r} is missing or malformed")
    return {name: values[name] for name in checks}
