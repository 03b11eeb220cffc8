"""The commands on NIfTI volumes and on stacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile

from napari_qsa.images import open_dataset
from napari_qsa.images.nifti import open_volume

SHAPE = (44, 40, 3)
AFFINE = np.array([[0, 0.7, 0, -3], [-0.7, 0, 0, 5], [0, 0, 2.5, 1], [0, 0, 0, 1]])


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """Two volumes, of which one has labels, and a stack."""
    folder = tmp_path / "ct"
    folder.mkdir()
    for number in (1, 2):
        values = np.random.default_rng(number).normal(0, 100, SHAPE).astype(np.int16)
        labels = np.zeros(SHAPE, np.uint8)
        labels[8:20, 10:30, 1:], labels[24:40, 10:16, 1:] = 1, 2
        for array, stem in ((values, f"case_{number}"), (labels, f"case_{number}_seg")):
            if stem != "case_2_seg":
                image = nibabel.Nifti1Image(array, AFFINE)
                image.header.set_xyzt_units(xyz="mm")
                nibabel.save(image, folder / f"{stem}.nii.gz")
    pages = np.random.default_rng(3).integers(0, 256, (2, 40, 44), dtype=np.uint8)
    tifffile.imwrite(folder / "stack.tif", pages, photometric="minisblack")
    return folder


def test_slices_of_a_folder_are_segmented(
    run: Callable[..., Any], ct: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = run("segment", ct, "--out", out, "--ensemble", tiny_ensemble, "--json")
    assert ran.code == 0
    names = [row["name"] for row in ran.document["images"]]
    assert names == [
        *(f"case_{number}_p{page:04d}" for number in (1, 2) for page in (1, 2, 3)),
        "stack_p0001",
        "stack_p0002",
    ]
    assert sorted(path.name for path in out.glob("*_labels.tif")) == [
        f"{n}_labels.tif" for n in names
    ]
    sizes = [row["pixel_size_um"] for row in ran.document["images"]]
    assert sizes[:6] == pytest.approx([700] * 6)


@pytest.mark.usefixtures("engine_here")
def test_a_project_of_volumes(
    run: Callable[..., Any], ct: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "ct.qsa", tmp_path / "out"
    assert run("project", "new", folder, ct, "--accept-labels").code == 0
    status = run("project", "status", folder, "--json").document
    assert len(status["images"]) == 8
    accepted = [row for row in status["images"] if row["annotation"] == "accepted"]
    assert [row["name"] for row in accepted] == [f"case_1_p000{page}" for page in (1, 2, 3)]
    assert [row["page"] for row in accepted] == [1, 2, 3]
    roles = {(row["name"].split("_p")[0], row["role"]) for row in status["images"]}
    assert len(roles) == 3  # one for each file

    ran = run("export", folder, "--out", out, "--volumes", "--json")
    assert (ran.code, len(ran.document["images"])) == (0, 3)
    assert (out / "case_1_p0002_labels.tif").is_file()
    assert ran.document["volumes"] == [str(out / "case_1_labels.nii.gz")]
    assert "not exported" not in run("export", folder, "--out", out, "--volumes").out
    part = ("--image", "case_1_p0002", "--out", tmp_path / "part", "--volumes")
    told = run("export", folder, *part).out
    assert "2 slices of volumes were not exported and are 0 there" in told
    written, given = (
        nibabel.load(p) for p in (out / "case_1_labels.nii.gz", ct / "case_1_seg.nii.gz")
    )
    np.testing.assert_array_equal(written.get_fdata(), given.get_fdata())
    np.testing.assert_allclose(written.affine, AFFINE)
    assert written.header.get_zooms() == pytest.approx(given.header.get_zooms())

    for slot in ("suggestive", "segmentation"):
        assert run("model", "use", folder, tiny_ensemble, "--for", slot).code == 0
    assert run("images", "set", folder, "case_2*", "stack*", "--role", "train").code == 0
    ran = run("suggest", folder, "-k", 2, "--json")
    assert ran.code == 0
    assert len(ran.document["picks"]) == 2
    assert run("segment", folder, "--image", "case_2*").code == 0
    ran = run("export", folder, "--what", "segmented", "--out", out, "--volumes", "--json")
    assert ran.code == 0
    assert str(out / "case_2_labels.nii.gz") in ran.document["volumes"]
    stack = open_volume(out / "case_2_labels.nii.gz").stack
    for page in range(3):
        labels = tifffile.imread(out / f"case_2_p000{page + 1}_labels.tif")
        np.testing.assert_array_equal(stack[page], labels)

    # A prediction is taken neither as an image nor as labels; an exported annotation is labels
    for name in ("case_1", "case_2"):
        (out / f"{name}_labels.nii.gz").rename(ct / f"{name}_labels.nii.gz")
    dataset = open_dataset(ct)
    assert len(dataset.items) == 8
    assert {item.image.name for item in dataset.labelled().items} == {"case_1.nii.gz"}


def test_a_label_volume_of_somebody_else_is_not_replaced(
    run: Callable[..., Any], ct: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "ct.qsa", tmp_path / "out"
    run("project", "new", folder, ct, "--accept-labels")
    out.mkdir()
    (out / "case_1_labels.nii.gz").write_bytes((ct / "case_1_seg.nii.gz").read_bytes())
    ran = run("export", folder, "--out", out, "--volumes")
    assert ran.code == 1
    assert "case_1_labels.nii.gz is no result of an earlier batch" in ran.err
    assert (out / "case_1_labels.nii.gz").read_bytes() == (ct / "case_1_seg.nii.gz").read_bytes()


def test_the_uncertainty_of_a_model_of_the_microscope_is_doubted(
    run: Callable[..., Any], ct: Path, tiny_ensemble: Path
) -> None:
    (ct / "stack.tif").unlink()
    told = run("suggest", ct, "--ensemble", tiny_ensemble, "--strategy", "uncertainty").err
    assert "3 images are of volumes, and the model was not trained on such" in told


def test_a_slice_of_a_label_volume_is_taken(run: Callable[..., Any], ct: Path) -> None:
    folder = ct.with_name("one.qsa")
    assert run("project", "new", folder, ct).code == 0
    ran = run("annotation", "accept", folder, "case_2_p0002", ct / "case_1_seg.nii.gz")
    assert ran.code == 0
    assert "2 glands, accepted as revision 1" in ran.out
    ran = run("project", "import", folder, ct, "--accept-labels")
    assert "3 images have accepted annotations now, from label files" in ran.err


def test_a_label_stack_of_channels_is_left_out_with_a_remedy(ct: Path) -> None:
    tifffile.imwrite(ct / "stack_labels.tif", np.ones((40, 44, 3), np.uint8), photometric="rgb")
    (problem,) = open_dataset(ct).problems
    assert "it has 1 page and stack.tif 2" in problem
    assert "photometric='minisblack'" in problem


def test_pixels_that_are_no_squares_are_said(run: Callable[..., Any], tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((8, 8, 2), np.int16), np.diag([0.7, 0.9, 3, 1]))
    image.header.set_xyzt_units(xyz="mm")
    (tmp_path / "ct").mkdir()
    nibabel.save(image, tmp_path / "ct" / "odd.nii.gz")
    folder = tmp_path / "ct.qsa"
    ran = run("project", "new", folder, tmp_path / "ct")
    assert ran.code == 0
    assert "odd.nii.gz has pixels of 700 x 900 µm" in ran.err
    assert "unknown" not in ran.out
    (tmp_path / "blank").mkdir()
    blank = nibabel.Nifti1Image(np.ones((8, 8, 2), np.int16), np.eye(4))
    nibabel.save(blank, tmp_path / "blank" / "blank.nii.gz")
    ran = run("project", "import", folder, tmp_path / "blank")
    assert (ran.code, ran.err) == (0, "")
    assert "unknown of 2 images" in run("project", "status", folder).out
    ran = run("project", "set", folder, "--pixel-size", 700)
    assert ran.code == 0
    assert "700 µm where an image does not say its own" in ran.out
    assert run("project", "set", folder, "--pixel-size", 10_001).code == 2
