import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_qsa.images.folder import natural, scan_files, scan_folder, stem_of


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
    folders, problems = scan_folder(root)
    found = {
        (folder.part, pair.stem): (
            pair.image.relative_to(root).as_posix(),
            pair.label.relative_to(root).as_posix() if pair.label else None,
        )
        for folder in folders
        for pair in folder.pairs
    }
    return found, problems


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
    (pair,) = scan_folder(root / images)[0][0].pairs
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


def test_what_is_hidden_or_no_image_is_passed_over(make):
    root = make(".a.png", "._b.tif", "Grade.csv", "c.gif", "d.png", ".git/e.png")
    assert [stem for _, stem in pairs(root)[0]] == ["d"]


def test_the_order_is_natural(make):
    root = make("i10.png", "i9.png", "I1.png", "i.png")
    assert [stem for _, stem in pairs(root)[0]] == ["i", "I1", "i9", "i10"]


def test_single_files_find_their_labels(make):
    root = make("a.png", "a_anno.png", "b.png", "masks/b.png", "c.png")
    found = scan_files([root / "b.png", root / "a.png", root / "c.png", root / "a_anno.png"])
    labels = [pair.label and pair.label.name for pair in found]
    assert labels == ["b.png", "a_anno.png", None, None]


def test_the_stem_of_an_ome_tiff(tmp_path):
    assert stem_of(tmp_path / "a.b.OME.tif") == "a.b"
    assert stem_of(tmp_path / "ome.tif") == "ome"


@given(st.lists(st.text()))
def test_natural_keys_compare(texts):
    assert len(sorted(texts, key=natural)) == len(texts)
