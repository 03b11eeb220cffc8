"""Folders of images with labels, as a list of items."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

from napari_qsa.errors import DatasetError

GLAS_PIXEL_SIZE = 0.62


@dataclass(frozen=True)
class Item:
    """One image of a data set, with its label file if there is one."""

    name: str
    image: Path
    label: Path | None
    part: str
    patient: str | None
    grade: str | None
    page: int | None = None


@dataclass(frozen=True)
class Dataset:
    """What a folder holds."""

    root: Path
    items: tuple[Item, ...]
    pixel_size: float | None
    problems: tuple[str, ...]

    def part(self, name: str) -> Dataset:
        """Keep the items of one part."""
        if name == "all":
            return self
        kept = tuple(item for item in self.items if item.part == name)
        if not kept:
            raise DatasetError(f"{self.root} has no part {name!r}.")
        return replace(self, items=kept)


def open_dataset(path: str | Path) -> Dataset:
    """List a GlaS folder."""
    root = Path(path)
    rows = {}
    if (root / "Grade.csv").is_file():
        with (root / "Grade.csv").open(newline="", encoding="utf-8-sig") as file:
            for row in list(csv.reader(file))[1:]:
                if row:
                    rows[row[0].strip()] = [field.strip() for field in row]
    items = []
    for image in root.glob("*.bmp"):
        match = re.fullmatch(r"(train|testA|testB)_(\d+)", image.stem)
        if match:
            row = rows.get(image.stem)
            label = image.with_name(f"{image.stem}_anno.bmp")
            item = Item(
                image.stem,
                image,
                label if label.is_file() else None,
                match[1],
                row[1] if row else None,
                row[2] if row else None,
            )
            items.append((match[1], int(match[2]), item))
    items.sort(key=lambda entry: entry[:2])
    return Dataset(root, tuple(entry[2] for entry in items), GLAS_PIXEL_SIZE, ())
