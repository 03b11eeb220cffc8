"""Numbers with their nouns, as users read them."""


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
