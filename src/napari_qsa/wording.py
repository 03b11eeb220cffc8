"""Numbers with their nouns, and lists of names, as users read them."""

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun.

    Parameters
    ----------
    number
    noun
        For one.
    plural
        For any other number; the noun with an s if None.

    Returns
    -------
    str
        Such as ``"1 image"``, ``"0 images"`` or ``"3 copies"``.
    """
    return f"{number} {form(number, noun, plural)}"


def form(number: int, noun: str, plural: str | None = None) -> str:
    """Write only the noun, or the verb, that goes with a number."""
    return noun if number == 1 else f"{noun}s" if plural is None else plural


def named(names: Iterable[object], most: int = 3) -> str:
    """Write the first names of many, and how many more there are.

    Returns
    -------
    str
        Such as ``"a.tif, b.tif and 7 more"``.
    """
    told = list(map(str, names))
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more
