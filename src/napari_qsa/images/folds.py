"""Cross-validation folds that never split a patient."""

import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import DatasetError
from napari_qsa.images.identity import sha256
from napari_qsa.images.item import Item
from napari_qsa.wording import counted

RESTARTS = 200


def patient_folds(items: Iterable[Item], n_folds: int = 5, seed: int = 0) -> dict[str, int]:
    """Deal the items into folds, balanced in images and in grade.

    All items of a patient go to one fold; an item without a patient is its own group, and
    the pages of one file are one group. Groups that hold copies of one file are one, whatever
    the files are called. A greedy deal, largest group first, is started `RESTARTS` times from
    seeded random orders, and the most balanced result is kept. The result depends on the names,
    patients, grades and copies only, not on the order of the items.

    Parameters
    ----------
    items : iterable of Item
        With unique names.
    n_folds : int
        At least 2, at most the number of groups.
    seed : int
        Of the restarts.

    Returns
    -------
    dict
        Fold (0 to ``n_folds - 1``) by the item's name, in the order of the items.

    Raises
    ------
    DatasetError
        If there are fewer groups than folds.
    """
    items = list(items)
    group_of = _with_copies(sorted(items, key=lambda item: item.name))
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.name):
        groups[group_of[_group(item)]].append(item)
    if n_folds < 2 or len(groups) < n_folds:
        remedy = f"ask for 2 to {len(groups)} folds" if len(groups) > 1 else "add some"
        raise DatasetError(
            f"{counted(len(groups), 'patient')} (or single images) cannot be dealt into {n_folds} "
            f"folds: {remedy}."
        )
    grades = sorted({item.grade or "" for item in items})
    counts = np.array([_count(members, grades) for members in groups.values()], dtype=np.float64)
    deal = _best_deal(counts, n_folds, seed)
    fold_of_group = dict(zip(groups, deal.tolist(), strict=True))
    return {item.name: fold_of_group[group_of[_group(item)]] for item in items}


def _group(item: Item) -> str:
    if item.patient is not None:
        return f"patient {item.patient}"
    return f"file {item.image.as_posix()}" if item.page is not None else f"item {item.name}"


def _with_copies(items: Sequence[Item]) -> dict[str, str]:
    """Give each group its name, the same for groups that share the content of a file."""
    found = {_group(item): _group(item) for item in items}
    first: dict[tuple[str, int | None], str] = {}
    contents = _contents({item.image for item in items})
    for item in items:
        content = contents.get(item.image)
        if content is None:
            continue
        mine = found[_group(item)]
        theirs = found[first.setdefault((content, item.page), _group(item))]
        if mine != theirs:
            found = {group: theirs if name == mine else name for group, name in found.items()}
    return found


def _contents(paths: Iterable[Path]) -> dict[Path, str]:
    """Hash the files that may have a copy among them: those of one size."""
    sizes: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        with contextlib.suppress(OSError):  # whoever reads the file says so
            sizes[path.stat().st_size].append(path)
    found: dict[Path, str] = {}
    for alike in sizes.values():
        for path in alike if len(alike) > 1 else ():
            with contextlib.suppress(OSError):
                found[path] = sha256(path)
    return found


def _count(members: Sequence[Item], grades: Sequence[str]) -> list[int]:
    by_grade = Counter(item.grade or "" for item in members)
    return [by_grade[grade] for grade in grades]


def _imbalance(loads: NDArray[np.float64], ideal: NDArray[np.float64]) -> float:
    """Sum the squared distances of the folds' loads from the ideal, total and by grade."""
    by_grade = ((loads - ideal) ** 2).sum()
    total = ((loads.sum(axis=1) - ideal.sum()) ** 2).sum()
    return float(by_grade + total)


def _best_deal(counts: NDArray[np.float64], n_folds: int, seed: int) -> NDArray[np.intp]:
    random = np.random.default_rng(seed)
    ideal = counts.sum(axis=0) / n_folds
    best, least = np.zeros(len(counts), dtype=np.intp), np.inf
    for _ in range(RESTARTS):
        # Largest first, ties and near ties in a random order.
        order = np.argsort(-counts.sum(axis=1) * random.uniform(0.7, 1.3, len(counts)))
        deal, imbalance = _greedy(counts, order, ideal, n_folds)
        if imbalance < least - 1e-9:
            best, least = deal, imbalance
    return best


def _greedy(
    counts: NDArray[np.float64], order: NDArray[np.intp], ideal: NDArray[np.float64], n_folds: int
) -> tuple[NDArray[np.intp], float]:
    loads = np.zeros((n_folds, counts.shape[1]))
    deal = np.zeros(len(counts), dtype=np.intp)
    sizes = np.zeros(n_folds, dtype=np.intp)
    for place, group in enumerate(order):
        after = loads[:, None, :] + counts[group] * np.eye(n_folds)[:, :, None]
        costs = np.array([_imbalance(state, ideal) for state in after.swapaxes(0, 1)])
        if len(order) - place <= (sizes == 0).sum():  # no fold may stay empty
            costs[sizes > 0] = np.inf
        chosen = int(np.argmin(costs))
        loads[chosen] += counts[group]
        sizes[chosen] += 1
        deal[group] = chosen
    return deal, _imbalance(loads, ideal)


def write_folds(path: str | Path, folds: Mapping[str, int]) -> None:
    """Store folds as JSON, one object of fold by item name."""
    Path(path).write_text(json.dumps(dict(folds), indent=1) + "\n", encoding="utf-8")


def read_folds(path: str | Path) -> dict[str, int]:
    """Read stored folds.

    Raises
    ------
    DatasetError
        If the file is missing, or holds anything but folds.
    """
    try:
        folds = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as folds: deal them anew.") from error
    if not isinstance(folds, dict) or not all(
        type(fold) is int and fold >= 0 for fold in folds.values()
    ):
        raise DatasetError(f"{path} holds no folds (an object of numbers): deal them anew.")
    return folds
