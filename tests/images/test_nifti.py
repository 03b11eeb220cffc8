import json

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import io_orientation

from napari_qsa.errors import ImageError
from napari_qsa.images import (
    count_pages,
    open_dataset,
    open_images,
    patient_folds,
    read_image,
    read_labels,
)
from napari_qsa.images.nifti import from_stack, open_volume, to_stack

SHAPE = (6, 7, 5)
"""Right, front, top."""


def ct(seed=0, shape=SHAPE):
    """Hounsfield units, some metal among them."""
    values = np.random.default_rng(seed).normal(0, 300, shape)
    values.flat[0] = 30000
    return values.astype(np.int16)


def write(path, values, affine=None, units="mm", **header):
    affine = np.diag([0.5, 0.5, 3.0, 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units(xyz=units)
    for name, value in header.items():
        image.header[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path


def label_slices(values, plane_axis=2):
    """What a radiologist sees of values in canonical order."""
    return [np.flip(np.take(values, k, plane_axis).T) for k in range(values.shape[plane_axis])]


def unit(image):
    return image.pixels[..., 0] / image.full_scale


class TestSlices:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
    def test_axial_slices_from_the_feet_the_front_above_the_right_on_the_left(self, tmp_path, name):
        values = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
        path = write(tmp_path / name, values)
        assert count_pages(path) == 5
        for page, wanted in enumerate(label_slices(values)):
            image = read_image(path, page)
            assert (image.pixels.shape, image.pixels.dtype) == ((7, 6, 1), np.uint8)
            np.testing.assert_array_equal(image.pixels[..., 0], wanted)
            assert (image.pixel_size, image.full_scale, image.page) == (500.0, 255, page)
        # at the upper left corner: the last voxel to the right and to the front
        assert read_image(path, 0).pixels[0, 0, 0] == values[-1, -1, 0]

    @pytest.mark.parametrize(
        ("plane", "axis", "size"), [("coronal", 1, (5, 6)), ("sagittal", 0, (5, 7))]
    )
    def test_other_planes_by_a_file_beside_it_or_above(self, tmp_path, plane, axis, size):
        values = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
        path = write(tmp_path / "images" / "a.nii", values, np.diag([0.5, 0.5, 0.5, 1.0]))
        (tmp_path / "volumes.json").write_text(json.dumps({"plane": plane}))
        assert count_pages(path) == SHAPE[axis]
        for page, wanted in enumerate(label_slices(values, axis)):
            assert wanted.shape == size
            np.testing.assert_array_equal(read_image(path, page).pixels[..., 0], wanted)
        (tmp_path / "images" / "volumes.json").write_text("{}")
        assert count_pages(path) == 5

    @settings(max_examples=40, deadline=None)
    @given(
        order=st.permutations(range(3)),
        flips=st.tuples(*[st.sampled_from([1, -1])] * 3),
        plane=st.sampled_from(["axial", "coronal", "sagittal"]),
        tilt=st.floats(-0.3, 0.3),
    )
    def test_any_orientation_gives_the_same_slices_and_goes_back(
        self, tmp_path_factory, order, flips, plane, tilt
    ):
        canonical = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
        turned = np.array([[1, -tilt, 0], [tilt, 1, 0], [0, 0, 1]])
        linear = np.zeros((3, 3))
        for source, (axis, flip) in enumerate(zip(order, flips, strict=True)):
            linear[:, source] = turned[:, axis] * flip
        affine = np.eye(4)
        affine[:3, :3] = linear
        orientation = io_orientation(affine)
        np.testing.assert_array_equal(orientation, np.column_stack([order, flips]))
        stored = canonical.transpose(order)[tuple(slice(None, None, flip) for flip in flips)]
        folder = tmp_path_factory.mktemp("any")
        (folder / "volumes.json").write_text(json.dumps({"plane": plane}))
        path = write(folder / "a.nii", np.ascontiguousarray(stored), affine)
        stack = open_volume(path).stack
        axis = {"axial": 2, "coronal": 1, "sagittal": 0}[plane]
        np.testing.assert_array_equal(stack, label_slices(canonical, axis))
        np.testing.assert_array_equal(from_stack(stack, orientation, plane), stored)
        np.testing.assert_array_equal(
            nibabel.as_closest_canonical(nibabel.load(path)).get_fdata(), canonical
        )

    @pytest.mark.parametrize(("x", "mirrored"), [(None, True), (np.nan, False), (0.5, False)])
    def test_where_the_header_says_nothing_or_nonsense(self, tmp_path, x, mirrored):
        values = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
        path = write(tmp_path / "a.nii", values)
        content = bytearray(path.read_bytes())
        if x is None:  # no code of an affine
            content[252:256] = bytes(4)
        else:
            content[280:284] = np.float32(x).tobytes()
        path.write_bytes(content)
        seen = values[::-1] if mirrored else values
        np.testing.assert_array_equal(open_volume(path).stack, label_slices(seen))

    def test_nothing_is_copied_to_cut_a_volume(self):
        values = np.zeros(SHAPE, np.int16)
        orientation = io_orientation(np.diag([-1, 1, 1, 1]))
        assert np.shares_memory(to_stack(values, orientation, "coronal"), values)

    def test_two_dimensions_are_one_image(self, tmp_path):
        path = write(tmp_path / "flat.nii.gz", np.arange(12, dtype=np.uint8).reshape(3, 4))
        assert count_pages(path) == 1
        assert read_image(path).pixels.shape == (4, 3, 1)
        assert open_dataset(tmp_path).items[0].page is None
        single = write(tmp_path / "single.nii", np.zeros((3, 4, 2, 1), np.uint8))
        assert count_pages(single) == 2

    def test_a_slice_must_be_named_and_there(self, tmp_path):
        path = write(tmp_path / "a.nii", ct())
        with pytest.raises(ImageError, match="stack of 5 pages: say which one"):
            read_image(path)
        with pytest.raises(ImageError, match="has no slice 6: it has 5"):
            read_image(path, 5)
        with pytest.raises(ImageError, match="stack of 5 pages: say which one"):
            read_labels(path)


class TestValues:
    def test_all_slices_have_the_scale_of_the_volume(self, tmp_path):
        values = np.zeros((20, 20, 4), np.int16)
        for page, level in enumerate([-1000, 0, 500, 1000]):
            values[..., page] = level
        path = write(tmp_path / "a.nii.gz", values)
        seen = [unit(read_image(path, page)) for page in range(4)]
        np.testing.assert_allclose([s.mean() for s in seen], [0, 0.5, 0.75, 1], atol=1e-4)
        assert all(read_image(path, page).full_scale == 65535 for page in range(4))

    def test_a_few_voxels_of_metal_do_not_darken_the_rest(self, tmp_path):
        values = ct(shape=(20, 20, 10))
        path = write(tmp_path / "a.nii", values)
        low, high = np.percentile(values, [0.5, 99.5])
        wanted = np.clip((label_slices(values)[3] - low) / (high - low), 0, 1)
        np.testing.assert_allclose(unit(read_image(path, 3)), wanted, atol=1e-4)
        assert high < 2000

    def test_a_window_is_taken(self, tmp_path):
        values = np.linspace(-500, 500, 60, dtype=np.float32).reshape(3, 4, 5)
        path = write(tmp_path / "a.nii", values)
        (tmp_path / "volumes.json").write_text('{"window": [-160, 240]}')
        wanted = np.clip((label_slices(values)[2] + 160) / 400, 0, 1)
        np.testing.assert_allclose(unit(read_image(path, 2)), wanted, atol=1e-4)

    def test_what_was_found_does_not_outlive_a_change(self, tmp_path):
        path = write(tmp_path / "a.nii.gz", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
        first = unit(read_image(path, 0))
        write(path, np.arange(60, dtype=np.int16).reshape(3, 4, 5)[::-1])
        assert not np.array_equal(unit(read_image(path, 0)), first)
        (tmp_path / "volumes.json").write_text('{"window": [0, 30]}')
        assert (unit(read_image(path, 4)) == 1).sum() == 6

    def test_floats_with_holes(self, tmp_path):
        values = np.linspace(0, 1, 60, dtype=np.float32).reshape(3, 4, 5)
        values[0, 0, 0], values[1, 0, 0], values[2, 0, 0] = np.nan, np.inf, -np.inf
        path = write(tmp_path / "a.nii", values)
        seen = np.flip(unit(read_image(path, 0))).T
        np.testing.assert_array_equal(seen[:, 0], [0, 1, 0])
        assert seen[2, 3] > 0.9
        nothing = write(tmp_path / "b.nii", np.full((2, 2, 2), np.nan, np.float32))
        assert not read_image(nothing, 0).pixels.any()

    def test_slope_and_intercept(self, tmp_path):
        path = write(tmp_path / "a.nii", np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
        scaled = nibabel.load(path)
        image = nibabel.Nifti1Image(scaled.dataobj.get_unscaled(), scaled.affine, scaled.header)
        image.header.set_slope_inter(10, -300)
        nibabel.save(image, tmp_path / "b.nii.gz")
        volume = open_volume(tmp_path / "b.nii.gz")
        assert not volume.is_plain
        assert (volume.slice_of(0).min(), volume.slice_of(4).max()) == (-300, 290)

    def test_a_volume_that_is_nearly_empty(self, tmp_path):
        values = np.zeros((20, 20, 4), np.int16)
        values[3, 3, 3] = 7
        path = write(tmp_path / "a.nii", values)
        assert unit(read_image(path, 3)).max() == 1
        flat = write(tmp_path / "b.nii", np.full((4, 4, 4), 5, np.int16))
        assert not read_image(flat, 0).pixels.any()


class TestPixelSize:
    @pytest.mark.parametrize(
        ("zooms", "units", "wanted"),
        [
            ((0.5, 0.5, 3), "mm", 500.0),
            ((0.7, 0.7, 1), "unknown", 700.0),
            ((0.4, 0.4, 0.4), "micron", 0.4),
            ((1, 1, 1), "mm", 1000.0),
            ((1, 1, 1), "unknown", None),
            ((0.5, 0.8, 3), "mm", 1000 * np.sqrt(0.5 * 0.8)),
            ((0.5, 11, 3), "mm", None),
            ((20, 20, 20), "mm", None),
        ],
    )
    def test_the_header_says_it(self, tmp_path, zooms, units, wanted):
        path = write(tmp_path / "a.nii", ct(), np.diag([*zooms, 1]), units)
        found = read_image(path, 0).pixel_size
        assert found == (None if wanted is None else pytest.approx(wanted))

    def test_of_the_plane_that_is_shown(self, tmp_path):
        path = write(tmp_path / "a.nii", ct(), np.diag([0.5, 0.52, 3, 1]))
        assert read_image(path, 0).pixel_size == pytest.approx(1000 * np.sqrt(0.5 * 0.52))
        (tmp_path / "volumes.json").write_text('{"plane": "coronal"}')
        assert read_image(path, 0).pixel_size == pytest.approx(1000 * np.sqrt(0.5 * 3))

    def test_what_is_no_square_is_said(self, tmp_path):
        for name in "ab":
            write(tmp_path / f"{name}.nii", ct(), np.diag([0.7, 0.9, 3, 1]))
        write(tmp_path / "c.nii", ct(), np.diag([0.7, 0.7, 3, 1]))
        (sentence,) = open_dataset(tmp_path).notes
        assert sentence.startswith(f"{tmp_path / 'a.nii'}, {tmp_path / 'b.nii'} have pixels of ")
        assert "700 x 900 µm" in sentence
        assert "793.7 µm wide" in sentence
        (tmp_path / "volumes.json").write_text('{"plane": "sagittal"}')
        for dataset in (open_dataset(tmp_path), open_images([tmp_path, tmp_path / "c.nii"])):
            first, second = dataset.notes
            assert "b.nii have pixels of 900 x 3000 µm" in first
            assert "c.nii has pixels of 700 x 3000 µm" in second


class TestLabels:
    def test_several_values_are_objects_in_every_slice(self, tmp_path):
        labels = np.zeros(SHAPE, np.uint8)
        labels[0, 0, 0] = labels[4, 4, 0] = 3  # in two pieces, and alone in its slice
        labels[2:4, 2:4, 1] = 2
        path = write(tmp_path / "a_labels.nii.gz", labels)
        for page, wanted in enumerate(label_slices(labels)):
            np.testing.assert_array_equal(read_labels(path, (7, 6), page), wanted)

    @pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
    def test_one_value_is_a_mask_whose_parts_count(self, tmp_path, dtype):
        labels = np.zeros(SHAPE, dtype)
        labels[0, 0, 0] = labels[4, 4, 0] = labels[2, 2, 3] = 1
        path = write(tmp_path / "a_seg.nii", labels)
        assert np.unique(read_labels(path, (7, 6), 0)).tolist() == [0, 1, 2]
        assert np.unique(read_labels(path, (7, 6), 3)).tolist() == [0, 1]
        assert not read_labels(path, (7, 6), 4).any()

    def test_what_is_no_label(self, tmp_path):
        half = write(tmp_path / "half.nii", np.full(SHAPE, 0.5, np.float32))
        with pytest.raises(ImageError, match="save labels as integers"):
            read_labels(half, None, 0)
        below = write(tmp_path / "below.nii", np.full(SHAPE, -1, np.int16))
        with pytest.raises(ImageError, match="save labels as 0 for background"):
            read_labels(below, None, 0)
        vast = write(tmp_path / "vast.nii", np.full(SHAPE, 1e30))
        with pytest.raises(ImageError, match="holds float64 values: save labels as integers"):
            read_labels(vast, None, 0)
        path = write(tmp_path / "a.nii", np.ones(SHAPE, np.uint8))
        with pytest.raises(ImageError, match="6 x 7 pixels but its image has 7 x 7"):
            read_labels(path, (7, 7), 0)


class TestFolders:
    @pytest.mark.parametrize(
        "label", ["a_labels.nii.gz", "a_seg.nii.gz", "labels/a.nii.gz", "masks/a.nii"]
    )
    def test_labels_beside(self, tmp_path, label):
        write(tmp_path / "a.nii.gz", ct())
        write(tmp_path / label, (ct() > 0).astype(np.uint8))
        dataset = open_dataset(tmp_path)
        assert dataset.problems == ()
        assert [item.name for item in dataset.items] == [f"a_p000{n}" for n in range(1, 6)]
        assert {item.label for item in dataset.items} == {tmp_path / label}
        item = dataset.items[3]
        assert item.read_labels((7, 6)).shape == item.read().pixels.shape[:2]
        assert open_images([tmp_path / "a.nii.gz"]).items == dataset.items

    @pytest.mark.parametrize("with_list", [True, False])
    def test_the_medical_segmentation_decathlon(self, tmp_path, with_list):
        for number in (1, 2):
            write(tmp_path / "imagesTr" / f"pancreas_{number:03d}.nii.gz", ct(number))
            write(tmp_path / "labelsTr" / f"pancreas_{number:03d}.nii.gz", np.ones(SHAPE, np.uint8))
            (tmp_path / "imagesTr" / f"._pancreas_{number:03d}.nii.gz").write_bytes(b"of a Mac")
        write(tmp_path / "imagesTs" / "pancreas_009.nii.gz", ct(9))
        if with_list:
            (tmp_path / "dataset.json").write_text(json.dumps({"name": "Pancreas"}))
        dataset = open_dataset(tmp_path)
        assert (dataset.problems, len(dataset.items)) == ((), 15)
        train, test = dataset.part("train"), dataset.part("test")
        assert len(train.labelled().items) == len(train.items) == 10
        assert {item.label for item in test.items} == {None}
        alone = open_dataset(tmp_path / "imagesTr")
        assert len(alone.labelled().items) == 10

    def test_a_seg_of_an_ordinary_image_is_an_image(self, tmp_path):
        import PIL.Image

        for name in ("a.png", "a_seg.png"):
            PIL.Image.new("L", (4, 4)).save(tmp_path / name)
        assert len(open_dataset(tmp_path).items) == 2

    def test_packed_and_unpacked_of_one_name(self, tmp_path):
        write(tmp_path / "a.nii", ct())
        write(tmp_path / "a.nii.gz", ct(1))
        names = [item.name for item in open_dataset(tmp_path).items]
        assert {"a_p0001_nii", "a_p0001_nii_gz"} <= set(names)
        assert len(set(names)) == 10

    def test_all_slices_of_a_volume_are_in_one_fold(self, tmp_path):
        for number in range(4):
            write(tmp_path / f"v{number}.nii.gz", ct(number))
        items = open_dataset(tmp_path).items
        folds = patient_folds(items, 2)
        by_file = {}
        for item in items:
            by_file.setdefault(item.image, set()).add(folds[item.name])
        assert [len(folds) for folds in by_file.values()] == [1] * 4
        assert set(folds.values()) == {0, 1}

    def test_labels_of_another_number_of_slices_are_left_out_with_a_word(self, tmp_path):
        write(tmp_path / "a.nii", ct())
        write(tmp_path / "a_labels.nii", np.ones((6, 7, 4), np.uint8))
        dataset = open_dataset(tmp_path)
        assert len(dataset.items) == 5
        assert dataset.labelled().items == ()
        assert "has 4 pages and a.nii 5" in dataset.problems[0]
