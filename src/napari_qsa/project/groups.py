"""Which images belong together: training on one and validating on another would flatter."""

import re

from napari_qsa.errors import ProjectError
from napari_qsa.project.records import ImageRecord


def check_rule(rule: str | None) -> None:
    """Refuse a pattern that names no group.

    Raises
    ------
    ProjectError
        If it is no regular expression with a group in it.
    """
    if rule is None:
        return
    try:
        groups = re.compile(rule).groups
    except re.error as error:
        raise ProjectError(
            f"{rule!r} is no regular expression ({error}): write one such as '^(P[0-9]+)'."
        ) from error
    if not groups:
        raise ProjectError(
            f"{rule!r} has no group: put brackets around what names the patient, as in "
            "'^(P[0-9]+)'."
        )


def group_of(
    image_id: str, name: str, patient: str | None, page: int | None, content: str, rule: str | None
) -> str:
    """Name the group of an image: its patient, else by the rule, else its file, else itself.

    Parameters
    ----------
    image_id, name
        Of the image; the rule is searched in the name.
    patient
        If known.
    page, content
        Pages of one content are one group.
    rule
        A regular expression; its first group counts, if it takes part and is not empty.
    """
    if patient is not None:
        return f"patient:{patient}"
    match = re.search(rule, name) if rule is not None else None
    if match is not None and match[1]:
        return f"pattern:{match[1]}"
    return f"file:{content[:16]}" if page is not None else f"image:{image_id}"


def regrouped(record: ImageRecord, rule: str | None) -> str:
    """Name the group that an image has by another rule."""
    kind, _, value = record.group.partition(":")
    patient = value if kind == "patient" else None
    return group_of(record.id, record.name, patient, record.page, record.sampled_hash, rule)
