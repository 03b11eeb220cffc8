from itertools import pairwise

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_qsa.images.folder import natural, scan_files, scan_folder, stem_of
from napari_qsa.images.predictions import PREDICTION


@pytest.fixture
def make(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def pairs(root):
    scan = scan_folder(root)
    found = {
        (folder.part, pair.stem): (
            pair.image.relative_to(root).as_posix(),
            pair.label.relative_to(root).as_posix() if pair.label else None,
        )
        for folder in scan.folders
        for pair in folder.pairs
    }
    return found, list(scan.problems)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a.bmp", "a_anno.bmp"),
        ("a.jpg", "a_labels.tif"),
        ("a.png", "a_mask.png"),
        ("A.PNG", "a_ANNO.png"),
        ("a.png", "labels/a.tif"),
        ("a.png", "masks/a.png"),
        ("a.png", "masks/a_mask.png"),
        ("a.ome.tif", "a_labels.ome.tif"),
    ],
)
def test_labels_of_a_flat_folder(make, image, label):
    found, problems = pairs(make(image, label))
    assert list(found.values()) == [(image, label)]
    assert problems == []


@pytest.mark.parametrize("labels", ["labels", "masks", "label", "mask"])
@pytest.mark.parametrize("images", ["images", "image"])
def test_sibling_folders(make, images, labels):
    root = make(f"{images}/a.png", f"{labels}/a.png")
    assert pairs(root)[0] == {(".", "a"): (f"{images}/a.png", f"{labels}/a.png")}
    (pair,) = scan_folder(root / images).folders[0].pairs
    assert pair.label == root / labels / "a.png"


def test_nested_folders_are_parts(make):
    root = make("normal/image/a.png", "normal/label/a.png", "polyp/image/b.png", "readme.txt")
    assert pairs(root)[0] == {
        ("normal", "a"): ("normal/image/a.png", "normal/label/a.png"),
        ("polyp", "b"): ("polyp/image/b.png", None),
    }


def test_labels_beside_the_image_come_first(make):
    root = make("a.png", "a_labels.png", "a_anno.png", "masks/a.png")
    assert pairs(root)[0] == {(".", "a"): ("a.png", "a_anno.png")}


def test_a_mask_without_an_image_is_a_problem(make):
    root = make("a.png", "b_anno.png", "masks/a.png", "masks/c.png")
    found, problems = pairs(root)
    assert list(found) == [(".", "a")]
    assert [problem.split()[0] for problem in problems] == [
        str(root / "b_anno.png"),
        str(root / "masks" / "c.png"),
    ]
    assert all("mask without an image" in problem for problem in problems)


def test_a_label_folder_of_other_images_is_no_problem(make):
    assert pairs(make("mine/a.png", "masks/x.png") / "mine")[1] == []


def test_maps_of_an_earlier_segmentation_are_not_images(make):
    root = make("a.png", "a_probability.tif", "a_uncertainty.tif", "b_probability.tif")
    assert [stem for _, stem in pairs(root)[0]] == ["a", "b_probability"]


def predict(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(
            path,
            np.ones((4, 4), np.uint16),
            metadata=None,
            software="napari-qsa",
            description=PREDICTION,
        )


def test_predictions_are_neither_images_nor_labels(make):
    root = make("a.png", "b.png", "b_anno.png", "labels/a.png", "sub/c.png")
    own = [root / name for name in ("a_labels.tif", "a_uncertainty.tif", "labels/b.tif", "z.TIF")]
    predict(*own)
    assert pairs(root) == (
        {(".", "a"): ("a.png", "labels/a.png"), (".", "b"): ("b.png", "b_anno.png")},
        [],
    )
    assert scan_folder(root).predictions == tuple(sorted(own))
    found, given = scan_files([root / "a.png", own[0], root / "b.png"])
    assert [pair.image.name for pair in found] == ["a.png", "b.png"]
    assert given == [own[0]]


def test_a_folder_of_predictions_is_passed_over(make):
    root = make("one/x.png", "two/y.png")
    predict(*(root / "results" / f"x_{kind}.tif" for kind in ("labels", "probability")))
    predict(root / "stray_labels.tif")
    assert pairs(root) == (
        {("one", "x"): ("one/x.png", None), ("two", "y"): ("two/y.png", None)},
        [],
    )


@pytest.mark.parametrize("software", ["napari-qsa", "GIMP 2.10"])
@pytest.mark.parametrize("description", [None, PREDICTION, "ImageJ=1.54"])
def test_labels_saved_by_others_are_labels(make, software, description):
    root = make("a.png")
    tifffile.imwrite(
        root / "a_labels.tif",
        np.ones((4, 4), np.uint16),
        metadata=None,
        software=software,
        description=description,
    )
    ours = (software, description) == ("napari-qsa", PREDICTION)
    assert pairs(root)[0] == {(".", "a"): ("a.png", None if ours else "a_labels.tif")}


def test_what_is_hidden_or_no_image_is_passed_over(make):
    root = make(".a.png", "._b.tif", "Grade.csv", "c.gif", "d.png", ".git/e.png")
    assert [stem for _, stem in pairs(root)[0]] == ["d"]


def test_the_order_is_natural(make):
    root = make("i10.png", "i9.png", "I1.png", "i.png")
    assert [stem for _, stem in pairs(root)[0]] == ["i", "I1", "i9", "i10"]


def test_single_files_find_their_labels(make):
    root = make("a.png", "a_anno.png", "b.png", "masks/b.png", "c.png")
    found, _ = scan_files([root / "b.png", root / "a.png", root / "c.png", root / "a_anno.png"])
    labels = [pair.label and pair.label.name for pair in found]
    assert labels == ["b.png", "a_anno.png", None, None]


def test_the_stem_of_an_ome_tiff(tmp_path):
    assert stem_of(tmp_path / "a.b.OME.tif") == "a.b"
    assert stem_of(tmp_path / "ome.tif") == "ome"


@given(st.lists(st.text()))
def test_natural_keys_compare(texts):
    keys = sorted(natural(text) for text in texts)  # a number never meets a word in a comparison
    assert all(first <= second for first, second in pairwise(keys))


WORDS = st.text("abC_é ²")


@given(WORDS, st.lists(st.integers(0, 10**6), min_size=1, unique=True), WORDS)
def test_natural_keys_order_numbers_by_value(before, numbers, after):
    texts = [f"{before}{number}{after}" for number in numbers]
    assert sorted(texts, key=natural) == [f"{before}{n}{after}" for n in sorted(numbers)]
    assert natural(f"{before}7{after}".upper()) == natural(f"{before}007{after}".lower())
