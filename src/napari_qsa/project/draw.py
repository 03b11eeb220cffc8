"""Draws that depend on the seed and on what is drawn from, and on nothing else."""

import hashlib
from collections.abc import Iterable


def drawn(names: Iterable[str], *seed: object) -> list[str]:
    """Bring names into a random order.

    The order of the given names does not matter, and neither does the release of Python or
    NumPy: each name is ranked by its own hash with the seed.
    """
    start = "\n".join(map(str, seed))

    def rank(name: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{start}\n{name}".encode()).digest(), name

    return sorted(set(names), key=rank)
