"""Tables read back as they were written."""

import csv
import os
from pathlib import Path

import pytest

from napari_qsa.errors import QsaError
from napari_qsa.formats import write_csv


def test_rows_read_back(tmp_path: Path) -> None:
    rows = [
        {"image": 'a "b", c.tif', "glands": 3, "uncertainty": 0.1 + 0.2},
        {"image": "größe.tif", "glands": None, "note": "two\nlines"},
    ]
    write_csv(tmp_path / "summary.csv", rows)
    with (tmp_path / "summary.csv").open(encoding="utf-8", newline="") as file:
        back = list(csv.DictReader(file))
    assert list(back[0]) == ["image", "glands", "uncertainty", "note"]
    assert back[0]["image"] == 'a "b", c.tif'
    assert float(back[0]["uncertainty"]) == 0.1 + 0.2
    assert back[1] == {"image": "größe.tif", "glands": "", "uncertainty": "", "note": "two\nlines"}


def test_columns_choose_and_order(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"b": 1, "a": 2, "c": 3}], columns=["a", "b"])
    assert (tmp_path / "a.csv").read_bytes() == b"a,b\n2,1\n"


def test_no_rows_give_the_header(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [], columns=["a", "b"])
    assert (tmp_path / "a.csv").read_bytes() == b"a,b\n"


def test_a_name_that_is_no_utf_8_keeps_its_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"gl\xe4nd.png")
    write_csv(tmp_path / "a.csv", [{"file": name, "unit": "µm"}])
    assert (tmp_path / "a.csv").read_bytes() == b"file,unit\ngl\xe4nd.png,\xc2\xb5m\n"


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(QsaError, match="there is no folder"):
        write_csv(tmp_path / "nowhere" / "a.csv", [{"a": 1}])
