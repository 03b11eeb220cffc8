"""Which images a member's bootstrap holds; importing this loads no torch."""

from __future__ import annotations

import hashlib

import numpy as np


def bootstrap_count(seed: int, member: int, image_key: str) -> int:
    """How often a member's bootstrap holds an image: Poisson(1), from a hash.

    Drawn for each image alone, so that adding images leaves the others' counts as they are
    (online bootstrap, Oza and Russell 2001).
    """
    digest = hashlib.sha256(f"{seed}/{member}/{image_key}".encode()).digest()
    key = int.from_bytes(digest[:16], "little")
    return int(np.random.default_rng(key).poisson(1.0))


def image_key(sha256: str, page: int | None) -> str:
    """Give what tells an image from every other one, whatever it is called."""
    return sha256 if page is None else f"{sha256}/{page}"
