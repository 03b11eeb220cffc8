"""Lists of images that open like folders."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_qsa.errors import DatasetError, ImageError
from napari_qsa.images import Item, encode_listing, open_dataset
from napari_qsa.images.listing import read_listing

GLANDS = np.zeros((6, 8), np.uint16)
GLANDS[0, 0] = GLANDS[5, 7] = 7  # one gland in two pieces


def write_annotation(path: Path, region: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as writer:
        for page in (GLANDS, region.astype(np.uint8)):
            writer.write(page, photometric="minisblack", compression="zlib", metadata=None)
    return path


def item(folder: Path, region: np.ndarray, **facts: object) -> Item:
    label = write_annotation(folder / "annotations" / "a" / "000001.tif", region)
    image = folder / "a.tif"
    tifffile.imwrite(image, np.full((6, 8, 3), 9, np.uint8))
    given = {"label_page": 0, "region_page": 1, "patient": "patient:3", "pixel_size": 0.5} | facts
    return Item("a", image, label, **given)


def write(path: Path, items: list[Item], near: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_listing(items, path.parent, near))
    return path


def test_a_list_gives_back_its_items(tmp_path: Path) -> None:
    region = np.ones((6, 8))
    region[2:4] = 2
    region[0, 3] = 0
    items = [
        item(tmp_path, region),
        Item("b", tmp_path / "elsewhere" / "b.png", None, "train", grade="benign", page=3),
    ]
    dataset = open_dataset(write(tmp_path / "runs" / "1" / "train.json", items, tmp_path))
    assert dataset.items == tuple(items)
    assert dataset.pixel_size is None
    first = dataset.items[0]
    assert first.read().pixel_size == 0.5
    np.testing.assert_array_equal(first.read_labels((6, 8)), GLANDS)
    np.testing.assert_array_equal(first.read_reviewed((6, 8)), region == 1)


def test_what_is_reviewed_as_a_whole_needs_no_region(tmp_path: Path) -> None:
    assert item(tmp_path, np.ones((6, 8))).read_reviewed((6, 8)) is None
    assert item(tmp_path, np.zeros((6, 8)), region_page=None).read_reviewed((6, 8)) is None
    with pytest.raises(ImageError, match="9 x 9"):
        item(tmp_path, np.zeros((6, 8))).read_reviewed((9, 9))


def test_paths_near_a_list_move_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    far = tmp_path / "far" / "b.png"
    write(
        home / "glands.qsa" / "runs" / "1" / "train.json",
        [item(home, np.ones((6, 8))), Item("b", far, None)],
        home,
    )
    moved = home.rename(tmp_path / "moved")
    near, distant = read_listing(moved / "glands.qsa" / "runs" / "1" / "train.json")
    assert near.image == moved / "a.tif"
    assert near.label == moved / "annotations" / "a" / "000001.tif"
    assert distant.image == far


def test_an_empty_list_is_an_empty_data_set(tmp_path: Path) -> None:
    assert open_dataset(write(tmp_path / "validation.json", [], tmp_path)).items == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 2}, "schema 2"),
        ({"images": {}}, "no list of images"),
        ({"images": [3]}, "image 1 is no object"),
        ({"images": [{"name": "a"}]}, "'image' is missing"),
        ({"images": [{"name": "a", "image": "a.png", "page": True}]}, "'page' is missing"),
        ({"images": [{"name": n, "image": "a.png"} for n in "aA"]}, "have one name"),
    ],
)
def test_what_is_no_list_is_a_sentence(tmp_path: Path, change: dict, reason: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"schema": 1, "images": []} | change))
    with pytest.raises(DatasetError, match=f"{reason}.*give a folder of images"):
        open_dataset(path)
    path.write_text("{")
    with pytest.raises(DatasetError, match="no JSON"):
        open_dataset(path)
