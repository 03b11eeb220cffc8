"""What the Images dock says of an image, in words, and by what it filters and sorts."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_qsa.session.pool import Row

UNKNOWN = "–"

ANNOTATION = {"none": UNKNOWN, "draft": "draft", "accepted": "accepted"}
ROLE = {"train": "training", "validation": "validation", "excluded": "left out", None: UNKNOWN}
ASKED = {"annotate": "to annotate", "validate": "to validate"}


class Column(IntEnum):
    """What the table shows, from left to right."""

    IMAGE = 0
    ANNOTATION = 1
    ROLE = 2
    RANK = 3
    UNCERTAINTY = 4
    GLANDS = 5
    GRADE = 6


TITLES = ("Image", "Annotation", "Role", "Rank", "Uncertainty", "Glands", "Grade")
HELP = (
    "The image. A double click opens it.",
    "How far its annotation is: none, a draft, or accepted.",
    "Whether models learn from it, are compared on it, or leave it out.",
    "Its place among the suggested images; 1 comes first.",
    "How far the networks disagree, averaged over the image: 0 is not at all, 0.5 the most.",
    "Glands in the annotation, or else in the prediction.",
    "What the data set says of the tissue.",
)


def _all(_: "Row") -> bool:
    return True


FILTERS: "dict[str, Callable[[Row], bool]]" = {
    "All images": _all,
    "Asked for, not done": lambda row: row.asked_for is not None and row.annotation != "accepted",
    "Not annotated": lambda row: row.annotation == "none",
    "Drafts": lambda row: row.annotation == "draft",
    "Accepted": lambda row: row.annotation == "accepted",
    "Validation": lambda row: row.role == "validation",
    "Left out": lambda row: row.role == "excluded",
    "Missing or changed": lambda row: row.presence != "present",
}


def text_of(row: "Row", column: int) -> str:
    """Write what a cell shows."""
    texts: dict[int, str] = {
        Column.IMAGE: name_of(row),
        Column.ANNOTATION: ANNOTATION[row.annotation],
        Column.ROLE: ROLE[row.role],
        Column.RANK: _number(row.rank),
        Column.UNCERTAINTY: UNKNOWN if row.uncertainty is None else f"{row.uncertainty:.3f}",
        Column.GLANDS: _number(row.glands),
        Column.GRADE: row.grade or UNKNOWN,
    }
    return texts[column]


def name_of(row: "Row") -> str:
    """Name an image, with its page if it is one of a stack (for people, from 1)."""
    return row.name if row.page is None else f"{row.name} · page {row.page + 1}"


def marks_of(row: "Row") -> list[str]:
    """List in words what matters most about an image; colour alone says nothing."""
    marks = []
    if row.presence != "present":
        marks.append("file missing" if row.presence == "missing" else "file changed")
    if row.annotation != "none":
        marks.append(row.annotation)
    elif row.asked_for is not None:
        marks.append(ASKED[row.asked_for])
    if row.role == "excluded":
        marks.append("left out")
    return marks


def tip_of(row: "Row") -> str:
    """Write all that is known of an image, one fact a line."""
    lines = [name_of(row), f"Annotation: {ANNOTATION[row.annotation]}", f"Role: {ROLE[row.role]}"]
    if row.asked_for is not None:
        lines.append(f"Asked for in round {row.round}: {ASKED[row.asked_for]}")
    if row.why:
        lines.append(f"Why: {row.why}")
    if row.uncertainty is not None:
        lines.append(f"Mean uncertainty: {row.uncertainty:.3f}")
    if row.trained_on:
        lines.append("The model was trained on this image.")
    if row.presence == "missing":
        lines.append("Its file is missing: right-click to say where it is now.")
    if row.presence == "changed":
        lines.append("Its file has changed: right-click to take the new content.")
    return "\n".join(lines)


def key_of(row: "Row", column: int) -> Any:
    """Return what a column is sorted by; None where it is not known."""
    keys: Sequence[Any] = (
        row.name.casefold(),
        ("none", "draft", "accepted").index(row.annotation),
        row.role,
        row.rank,
        row.uncertainty,
        row.glands,
        row.grade,
    )
    return keys[column]


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)
