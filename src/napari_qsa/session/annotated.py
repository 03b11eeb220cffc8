"""Which images of a folder count as annotated."""

from collections import defaultdict
from collections.abc import Sequence, Set
from pathlib import Path

from napari_qsa.errors import DatasetError
from napari_qsa.images import Dataset, Item
from napari_qsa.wording import named

_NAMED = 5


def annotated_names(
    dataset: Dataset, listed: Path | None = None, ignore_labels: bool = False
) -> frozenset[str]:
    """Say which images of a pool count as annotated.

    Parameters
    ----------
    dataset
        The pool.
    listed
        A text file with one image in each line: its name, file name or path; blank lines and
        lines that begin with ``#`` are skipped. Exactly these count then. Without it, the
        images with labels do.
    ignore_labels
        Without a list: none counts.

    Raises
    ------
    DatasetError
        If the list cannot be read, or names images that the pool does not have, or that could be
        one or another.
    """
    if listed is None:
        own = () if ignore_labels else dataset.items
        return frozenset(item.name for item in own if item.label is not None)
    try:
        lines = listed.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"The list {listed} cannot be read ({error}): give a text file with one image a line."
        ) from error
    entries = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    known = _ways_to_name(dataset.items)
    found = {entry: known[_plain(entry)] for entry in entries}
    if unknown := [entry for entry, items in found.items() if not items]:
        raise DatasetError(
            f"{listed} lists images that {dataset.root} lacks: {named(unknown, _NAMED)}."
        )
    if vague := [entry for entry, items in found.items() if len({i.image for i in items}) > 1]:
        raise DatasetError(
            f"{listed} lists images that could be one or another: {named(vague, _NAMED)}; give "
            "their paths."
        )
    return frozenset(item.name for items in found.values() for item in items)


def require_work(dataset: Dataset, annotated: Set[str]) -> None:
    """Raise a DatasetError where every image of a pool is annotated, before any is predicted."""
    if dataset.items and all(item.name in annotated for item in dataset.items):
        raise DatasetError(
            f"Every image of {dataset.root} counts as annotated, so there is nothing to suggest: "
            "list those that are with --annotated, or give --ignore-labels."
        )


def _ways_to_name(items: Sequence[Item]) -> defaultdict[str, set[Item]]:
    """Items by whatever a list may call them; the pages of a stack share its file's names."""
    known: defaultdict[str, set[Item]] = defaultdict(set)
    for item in items:
        parts = item.image.absolute().parts
        tails = {"/".join(parts[start:]) for start in range(1, len(parts))}
        for way in (item.image.stem, item.image.absolute().as_posix(), *tails):
            known[_plain(way)].add(item)
    for item in items:  # a whole name means one item, whatever else it is part of
        known[_plain(item.name)] = {item}
    return known


def _plain(entry: str) -> str:
    return entry.replace("\\", "/").removeprefix("./").casefold()
