"""The names, the grades and the pixel size of the GlaS challenge's data, as downloaded."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GLAS_PIXEL_SIZE = 0.62
"""In µm, from the challenge's paper: the BMP files say nothing."""

GRADES_FILE = "Grade.csv"

_NAME = re.compile(r"(train|testA|testB)_\d+")


@dataclass(frozen=True)
class Case:
    """What ``Grade.csv`` says of one image; None where it says nothing."""

    patient: str | None
    grade: str | None


def glas_part(stem: str) -> str | None:
    """Tell the part from an image's name, or None if GlaS has no such name."""
    match = _NAME.fullmatch(stem)
    return match[1] if match else None


def is_glas(stems: Sequence[str]) -> bool:
    """Tell whether at least half of the images are named as those of GlaS are."""
    named = sum(glas_part(stem) is not None for stem in stems)
    return named > 0 and 2 * named >= len(stems)


def read_grades(folder: Path) -> tuple[dict[str, Case], list[str]]:
    """Read ``Grade.csv``: ``name, patient ID, grade (GlaS), ...``.

    The challenge's file has Windows line ends, and blanks after its commas.

    Returns
    -------
    cases : dict
        By image name; empty if there is no file.
    problems : list of str
        A sentence if the file cannot be used.
    """
    path = folder / GRADES_FILE
    if not path.is_file():
        return {}, []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[field.strip() for field in row] for row in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}, [f"{path} was left out: it cannot be read as a table in UTF-8."]
    if not rows or not {"name", "patient id"} <= {field.lower() for field in rows[0]}:
        return {}, [f"{path} was left out: it needs the columns 'name' and 'patient ID'."]
    header = [field.lower() for field in rows[0]]
    cases = {}
    for row in rows[1:]:
        fields = dict(zip(header, row, strict=False))
        if fields.get("name"):
            patient, grade = (
                fields.get("patient id"),
                fields.get("grade (glas)", fields.get("grade")),
            )
            cases[fields["name"]] = Case(patient or None, grade or None)
    return cases, []
