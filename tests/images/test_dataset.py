from collections import Counter

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_qsa.errors import DatasetError, ImageError
from napari_qsa.images import open_dataset, open_images

RGB = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
LABELS = np.kron([[0, 1], [2, 0]], np.ones((6, 8))).astype(np.uint8)


@pytest.fixture
def make(tmp_path):
    """Write images, and labels where the name says so, at paths below a folder."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            is_label = path.stem.endswith("_anno") or path.parent.name in ("labels", "masks")
            Pillow.fromarray(LABELS if is_label else RGB).save(path)
        return tmp_path

    return make


def names(dataset):
    return [item.name for item in dataset.items]


class TestGlas:
    def test_the_training_part(self, glas_folder):
        dataset = open_dataset(str(glas_folder))
        assert names(dataset) == [f"train_{number}" for number in range(1, 86)]
        assert Counter(item.grade for item in dataset.items) == {"benign": 37, "malignant": 48}
        assert len({item.patient for item in dataset.items}) == 15
        assert all(item.label.name == f"{item.name}_anno.bmp" for item in dataset.items)
        assert dataset.problems == ()
        assert dataset.pixel_size == 0.62
        first = dataset.items[0]
        assert (first.part, first.patient, first.grade) == ("train", "2", "malignant")
        assert dataset.part("train") == dataset
        with pytest.raises(DatasetError, match="has no part 'testA': it has train"):
            dataset.part("testA")

    def test_all_parts(self, make):
        root = make("testA_1.bmp", "testA_1_anno.bmp", "testB_2.bmp", "train_10.bmp", "train_9.bmp")
        dataset = open_dataset(root)
        assert names(dataset.part("train")) == ["train_9", "train_10"]
        assert names(dataset.part("testA")) == ["testA_1"]
        assert names(dataset.part("testB").part("all")) == ["testB_2"]
        assert names(dataset.part("all").labelled()) == ["testA_1"]
        assert {item.patient for item in dataset.items} == {None}
        assert dataset.pixel_size == 0.62

    def test_a_broken_table_does_not_stop_it(self, make):
        root = make("train_1.bmp", "train_1_anno.bmp")
        (root / "Grade.csv").write_bytes(b"\xff\xff")
        dataset = open_dataset(root)
        assert names(dataset) == ["train_1"]
        assert len(dataset.problems) == 1

    def test_a_stray_image_is_left_out_with_a_word(self, make):
        dataset = open_dataset(make("train_1.bmp", "train_2.bmp", "overview.png"))
        assert names(dataset) == ["train_1", "train_2"]
        assert "overview.png" in dataset.problems[0]

    def test_the_folder_above(self, make):
        dataset = open_dataset(make("Warwick QU/train_1.bmp", "Warwick QU/testA_1.bmp"))
        assert dataset.pixel_size == 0.62
        assert [item.part for item in dataset.items] == ["testA", "train"]


class TestAnyFolder:
    def test_images_and_labels_are_read(self, make):
        dataset = open_dataset(make("images/a.png", "images/b.tif", "labels/a.png"))
        assert dataset.pixel_size is None
        a, b = dataset.items
        assert (a.name, a.part, a.patient, a.grade, a.page) == ("a", "all", None, None, None)
        np.testing.assert_array_equal(a.read().pixels, RGB)
        np.testing.assert_array_equal(a.read_labels((12, 16)), LABELS)
        with pytest.raises(ImageError, match=r"b\.tif has no labels"):
            b.read_labels()
        assert names(dataset.labelled()) == ["a"]

    def test_grades_of_any_folder(self, make):
        root = make("x.png", "y.png")
        (root / "Grade.csv").write_text("name,patient ID,grade\nx,7,benign\n")
        x, y = open_dataset(root).items
        assert (x.patient, x.grade, y.patient, y.grade) == ("7", "benign", None, None)

    def test_all_of_it_is_for_training_where_nothing_is_for_testing(self, make):
        dataset = open_dataset(make("normal/a.png", "polyp/b.png"))
        assert dataset.part("train") is dataset
        assert names(dataset.part("polyp")) == ["b"]
        divided = open_dataset(make("test/c.png"))
        with pytest.raises(DatasetError, match="no part 'train'"):
            divided.part("train")

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            (["a.png", "a.tif"], {"a.png": "a_png", "a.tif": "a_tif"}),
            (["p/a.png", "q/a.png"], {"p/a.png": "p_a_png", "q/a.png": "q_a_png"}),
            (
                ["a.png", "a.tif", "a_png.png"],
                {"a.png": "{}_a_png", "a.tif": "a_tif", "a_png.png": "{}_a_png_2"},
            ),
        ],
    )
    def test_names_never_collide(self, make, files, expected):
        root = make(*files)
        found = {
            item.image.relative_to(root).as_posix(): item.name for item in open_dataset(root).items
        }
        assert found == {file: name.format(root.name) for file, name in expected.items()}

    def test_names_that_differ_in_case_only_are_told_apart(self, make):
        found = names(open_dataset(make("a.png", "A.png")))
        assert len({name.casefold() for name in found}) == len(found)

    def test_bad_files_are_problems_and_stop_nothing(self, make):
        root = make("a.png", "b_anno.png", "c.png", "c_anno.png", "d.tif", "e.png")
        (root / "c_anno.png").write_bytes(b"")
        (root / "d.tif").write_bytes((root / "d.tif").read_bytes()[:9])
        (root / "e.png").write_text("no image")
        dataset = open_dataset(root)
        assert names(dataset) == ["a", "c"]
        assert dataset.items[1].label is None
        assert len(dataset.problems) == 4
        for name, words in {
            "b_anno.png": "mask without an image",
            "c_anno.png": "is empty",
            "d.tif": "truncated or damaged",
            "e.png": "not an image",
        }.items():
            (problem,) = [text for text in dataset.problems if name in text]
            assert words in problem
            assert problem.endswith(".")

    def test_nothing_there(self, tmp_path):
        with pytest.raises(DatasetError, match="holds no"):
            open_dataset(tmp_path)
        with pytest.raises(DatasetError, match="does not exist"):
            open_dataset(tmp_path / "x")
        (tmp_path / "file").touch()
        with pytest.raises(DatasetError, match="is not a folder"):
            open_dataset(tmp_path / "file")

    def test_ebhi(self, ebhi_folder):
        dataset = open_dataset(ebhi_folder)
        assert len(dataset.items) == 100
        assert dataset.problems == ()
        item = dataset.part("normal").items[0]
        labels = item.read_labels(item.read().pixels.shape[:2])
        assert 1 < labels.max() < 100


class TestStacks:
    @pytest.fixture
    def stack(self, tmp_path):
        pages = np.stack([np.full((12, 16), 10 * page, dtype=np.uint8) for page in range(3)])
        tifffile.imwrite(tmp_path / "em.tif", pages, photometric="minisblack")
        return tmp_path

    def test_each_page_is_an_item(self, stack):
        dataset = open_dataset(stack)
        assert names(dataset) == ["em_p0001", "em_p0002", "em_p0003"]
        assert [item.page for item in dataset.items] == [0, 1, 2]
        assert [item.read().pixels[0, 0, 0] for item in dataset.items] == [0, 10, 20]

    def test_each_page_has_its_labels(self, stack):
        labels = np.stack([LABELS * (page + 1) for page in range(3)])
        tifffile.imwrite(stack / "em_labels.tif", labels, photometric="minisblack")
        dataset = open_dataset(stack)
        assert len(dataset.items) == 3
        for page, item in enumerate(dataset.items):
            np.testing.assert_array_equal(item.read_labels((12, 16)), labels[page])

    @pytest.mark.parametrize("pages", [1, 2, 4])
    def test_labels_of_another_number_of_pages_are_left_out(self, stack, pages):
        tifffile.imwrite(
            stack / "em_labels.tif", np.stack([LABELS] * pages), photometric="minisblack"
        )
        dataset = open_dataset(stack)
        assert [item.label for item in dataset.items] == [None] * 3
        assert f"it has {pages} page" in dataset.problems[0]


class TestOpenImages:
    def test_files_and_folders_together(self, make):
        root = make("one/a.png", "one/a_anno.png", "two/b.png", "c.tif")
        dataset = open_images([root / "c.tif", root / "one", str(root / "two" / "b.png")])
        assert names(dataset) == ["a", "b", "c"]
        assert dataset.root == root
        assert dataset.pixel_size is None
        assert dataset.items[0].label == root / "one" / "a_anno.png"

    def test_the_pixel_size_of_glas_holds_if_all_is_glas(self, make):
        root = make("glas/train_1.bmp", "other/a.png")
        assert open_images([root / "glas"]).pixel_size == 0.62
        assert open_images([root / "glas", root / "other"]).pixel_size is None

    def test_a_known_pixel_size_holds_whatever_else_is_given(self, make):
        root = make("glas/train_1.bmp", "mine/a.png", "mine/b.bmp")
        for dataset in (open_images([root / "glas", root / "mine" / "a.png"]), open_dataset(root)):
            sizes = {item.image.name: item.pixel_size for item in dataset.items}
            assert sizes.pop("train_1.bmp") == 0.62
            assert set(sizes.values()) == {None}
            read = {item.image.name: item.read().pixel_size for item in dataset.items}
            assert (read["train_1.bmp"], read["a.png"]) == (0.62, None)

    def test_nothing_is_taken_twice(self, make):
        root = make("a.png")
        assert names(open_images([root, root / "a.png", root / "a.png"])) == ["a"]

    def test_same_stems_of_two_folders(self, make):
        root = make("p/a.png", "q/a.png")
        found = names(open_images([root / "p" / "a.png", root / "q" / "a.png"]))
        assert found == ["p_a_png", "q_a_png"]

    def test_what_cannot_be_used_is_a_problem(self, make):
        root = make("a.png")
        (root / "empty").mkdir()
        (root / "b.txt").write_text("b")
        dataset = open_images(
            [root / "a.png", root / "missing.png", root / "empty", root / "b.txt"]
        )
        assert names(dataset) == ["a"]
        assert len(dataset.problems) == 3
        assert any("missing.png does not exist" in problem for problem in dataset.problems)

    def test_nothing_given(self):
        assert open_images([]).items == ()
