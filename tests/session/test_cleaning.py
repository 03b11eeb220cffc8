"""The cache of pictures keeps what was used last, and no more than it should."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.session import thumbnails
from napari_qsa.session.cleaning import clean, note_use

DAY = 24 * 3600


def fill(folder: Path, count: int, size: int = 100) -> list[Path]:
    """Files of ten folders, each used a day after the one before."""
    now, files = time.time(), []
    for number in range(count):
        file = folder / f"{number % 10}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
        os.utime(file, (now, now - (count - number) * DAY))
        files.append(file)
    return files


def left(folder: Path) -> set[str]:
    return {file.stem for file in folder.rglob("*.jpg")}


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    files = fill(tmp_path, 30)
    assert clean(tmp_path, 3000) == 0
    note_use(files[2])
    assert clean(tmp_path, 2000) == 14, "down to 80 %"
    assert left(tmp_path) == {"2"} | {str(number) for number in range(15, 30)}
    assert clean(tmp_path, 2000) == 0


def test_a_use_is_noted_once_a_day(tmp_path: Path) -> None:
    (file,) = fill(tmp_path, 1)
    note_use(file)
    noted = file.stat().st_mtime_ns
    note_use(file)
    assert file.stat().st_mtime_ns == noted
    note_use(tmp_path / "missing")


def test_it_can_be_stopped_and_needs_no_folder(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    assert clean(tmp_path, 10, lambda: True) == 0
    assert len(left(tmp_path)) == 5
    assert clean(tmp_path / "missing", 10) == 0


def test_the_cache_is_cleaned_when_pictures_are_wanted(
    bench: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "CACHED", 2000)
    old = fill(cache / "thumbnails", 40)
    image_id = bench.pool.rows[0].id
    bench.workbench.thumbnails.want([image_id])
    bench.until(lambda: bench.workbench.thumbnails.get(image_id) is not None)
    bench.workbench.thumbnails._cleaning.flush(60)
    assert not old[0].exists()
    assert old[-1].exists()
    assert bench.failures == []
