"""What a table shows of one image, and in which order the images are gone through."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from napari_qsa.images.folder import natural
from napari_qsa.project import ImageRecord
from napari_qsa.project.records import AskedFor, Role
from napari_qsa.project.references import Presence


@dataclass(frozen=True)
class Row:
    """All that a table shows of one image.

    Attributes
    ----------
    id, name : str
        The name is for people and may repeat.
    page : int or None
        Of a stack, counted from 0.
    annotation : {"none", "draft", "accepted"}
    role : {"train", "validation", "excluded"}
    round : int or None
        In which it was asked for last.
    asked_for : {"annotate", "validate"} or None
        What for.
    rank : int or None
        In the last ranking, from 1: the most wanted first.
    picked : bool
        Whether the last ranking asks for it.
    why : str
        In a few words.
    uncertainty : float or None
        Of the image, by the suggestive model in use.
    glands : int or None
        In the newest annotation; None if there is none.
    grade : str or None
    presence : {"present", "missing", "changed"}
    trained_on : bool
        Whether the suggestive model in use was trained on it.
    """

    id: str
    name: str
    page: int | None = None
    annotation: Literal["none", "draft", "accepted"] = "none"
    role: Role | None = None
    round: int | None = None
    asked_for: AskedFor | None = None
    rank: int | None = None
    picked: bool = False
    why: str = ""
    uncertainty: float | None = None
    glands: int | None = None
    grade: str | None = None
    presence: Presence = "present"
    trained_on: bool = False


class Scored(Protocol):
    """What is known of an image that a model has scored."""

    @property
    def uncertainty(self) -> float:
        """Of the whole image."""


class Picked(Protocol):
    """An image of a ranking."""

    @property
    def image_id(self) -> str:
        """Which."""

    @property
    def rank(self) -> int:
        """From 1."""

    @property
    def picked(self) -> bool:
        """Whether it is one of those that are asked for."""

    @property
    def why(self) -> str:
        """In a few words."""


def with_record(row: Row | None, record: ImageRecord) -> Row:
    """Take over what the project has in memory of an image."""
    row = row or Row(record.id, record.name)
    return replace(
        row,
        name=record.name,
        page=record.page,
        role=record.role,
        round=record.round,
        asked_for=record.asked_for,
        grade=record.grade,
    )


def waits(row: Row) -> bool:
    """Tell whether an image is still to be annotated, and can be."""
    return row.annotation != "accepted" and row.role != "excluded" and row.presence == "present"


def place(row: Row) -> tuple[Any, ...]:
    """Give a sort key: asked for and not accepted first, by rank; then by rank; then by name."""
    asked = row.asked_for is not None and row.annotation != "accepted"
    return (not asked, row.rank is None, row.rank or 0, natural(row.name), row.id)
