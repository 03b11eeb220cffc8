"""Volumes and microscope images before networks that were trained on the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.instances import InstanceOptions
from napari_qsa.ensemble.scale import common_pixel_size, looks_as_is, options_at
from napari_qsa.ensemble.source import prepare_source
from napari_qsa.ensemble.training import member as member_module
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import ImageError, TrainingError
from napari_qsa.images import Image, open_dataset


@pytest.fixture(scope="module")
def card() -> EnsembleCard:
    """Of networks of the microscope."""
    return EnsembleCard(
        role="segmentation",
        network="unet",
        network_options={},
        in_channels=3,
        members=1,
        weights="float",
        activations="float",
        pixel_size=1.24,
        source_pixel_size=0.62,
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        halo=8,
        stride=8,
    )


def slice_of(pixel_size: float | None, shape: tuple[int, int] = (40, 60)) -> Image:
    return Image(np.full((*shape, 1), 9000, np.uint16), pixel_size, full_scale=65535)


@pytest.mark.parametrize(
    ("file", "grid", "as_is"),
    [
        (500.0, 1.24, True),
        (500.0, 700.0, False),
        (21.0, 1.24, False),
        (10.0, 0.2, False),
        (0.5, 700.0, False),
        (None, 1.24, False),
    ],
)
def test_who_looks_pixel_by_pixel(file: float | None, grid: float, as_is: bool) -> None:
    assert looks_as_is(file, grid) is as_is


def test_a_slice_before_networks_of_the_microscope(card: EnsembleCard) -> None:
    for given in (None, 500.0):
        source = prepare_source(slice_of(500.0), card, given)
        assert source.grid.shape[:2] == (40, 60)
        assert source.pixel_size == 500.0
        (note,) = source.notes
        assert "500 µm are far from the 1.24 µm" in note
    with pytest.raises(ImageError, match="too far from"):  # nobody but a file may say so
        prepare_source(slice_of(None), card, 500.0)


def test_a_slice_before_networks_of_volumes(card: EnsembleCard) -> None:
    own = replace(card, pixel_size=700.0, source_pixel_size=700.0)
    source = prepare_source(slice_of(1400.0), own)
    assert source.grid.shape[:2] == (80, 120)
    assert source.notes == ()  # dark slices are no news
    with pytest.raises(ImageError, match="too far from the 700 µm"):
        prepare_source(slice_of(0.5), own)


def test_small_objects_of_volumes_are_kept(card: EnsembleCard) -> None:
    assert options_at(card, 0.62) is card.instances
    found = options_at(card, 500.0)
    assert (found.min_area_um2, found.threshold) == (4 * 500**2, card.instances.threshold)
    own = replace(card, pixel_size=700.0, instances=InstanceOptions(min_area_um2=1e7))
    assert options_at(own, 500.0).min_area_um2 == 1e7


def test_the_common_pixel_size() -> None:
    assert common_pixel_size([500.0, 900.0, 700.0], 1.24) == 700.0
    assert common_pixel_size([500.0, None], 1.24) is None
    assert common_pixel_size([500.0, 0.5], 1.24) is None
    assert common_pixel_size([500.0], 700.0) is None
    assert common_pixel_size([], 1.24) is None


def write(folder: Path, pixel_mm: float, height_mm: float | None = None) -> None:
    """Write a volume with labels; of 1 mm and without a unit it says nothing of its pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([pixel_mm, height_mm or pixel_mm, 3 if pixel_mm != 1 else 1, 1])
    values = np.random.default_rng(0).normal(0, 100, (48, 40, 3)).astype(np.int16)
    labels = np.zeros(values.shape, np.uint8)
    labels[10:30, 10:30] = 1
    values[labels > 0] += 300
    name = f"ct_{pixel_mm:g}"
    for values_of, stem in ((values, name), (labels, f"{name}_labels")):
        image = nibabel.Nifti1Image(values_of, affine)
        if pixel_mm != 1:
            image.header.set_xyzt_units(xyz="mm")
        nibabel.save(image, folder / f"{stem}.nii.gz")


OPTIONS = TrainingOptions(
    network="unet",
    network_options={"width": 4},
    iterations=1,
    members=1,
    weights="float",
    activations="float",
    batch=2,
    crop=32,
)


def test_networks_that_train_on_volumes_have_their_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pixel_mm in (0.6, 0.7, 0.9):
        write(tmp_path / "ct", pixel_mm)
    run = TrainingRun.create(tmp_path / "run", tmp_path / "ct", OPTIONS)
    assert run.options.pixel_size == pytest.approx(700)
    assert run.options.separator_reach / run.options.pixel_size == pytest.approx(
        OPTIONS.separator_reach / 1.24
    )
    assert run.source_pixel_size == pytest.approx(700)
    assert run.notes == ()
    sides = {image.name[:6]: image.stack.shape[1:] for image in run.images}
    assert sides == {"ct_0.6": (34, 41), "ct_0.7": (40, 48), "ct_0.9": (51, 62)}
    assert len({image.key for image in run.images}) == 9
    again = TrainingRun.open(tmp_path / "run")
    assert again.options == run.options
    assert len(again.images) == 9

    monkeypatch.setattr(member_module, "STATISTICS_BATCHES", 2)
    run.train_member(0)
    ensemble = Ensemble.load(run.member_folder(0) / "member.safetensors")
    card = ensemble.card
    assert (card.pixel_size, card.source_pixel_size) == pytest.approx((700, 700))
    assert card.instances.min_area_um2 == pytest.approx(4 * 700**2)
    image = open_dataset(tmp_path / "ct").items[0].read()
    found = ensemble.predict(image)
    assert not any("µm" in note for note in found.notes)
    assert found.labels.shape == image.pixels.shape[:2]


def test_a_given_pixel_size_holds(tmp_path: Path) -> None:
    write(tmp_path / "ct", 0.7)
    options = replace(OPTIONS, source_pixel_size=0.62)
    run = TrainingRun.create(tmp_path / "run", tmp_path / "ct", options)
    assert (run.options.pixel_size, run.source_pixel_size) == (1.24, 0.62)


def test_a_given_pixel_size_of_volumes_is_their_grid(tmp_path: Path) -> None:
    write(tmp_path / "ct", 1)
    options = replace(OPTIONS, source_pixel_size=700.0)
    run = TrainingRun.create(tmp_path / "run", tmp_path / "ct", options)
    assert (run.options.pixel_size, run.source_pixel_size) == (700, 700)
    assert run.images[0].stack.shape[1:] == (40, 48)


def test_volumes_that_say_no_pixel_size_are_named(tmp_path: Path) -> None:
    for pixel_mm in (0.7, 1):
        write(tmp_path / "ct", pixel_mm)
    with pytest.raises(TrainingError) as caught:
        TrainingRun.create(tmp_path / "run", tmp_path / "ct", OPTIONS)
    said = str(caught.value)
    assert "ct_1.nii.gz does not say a pixel size" in said
    assert "ct_0.7.nii.gz" not in said
    given = replace(OPTIONS, source_pixel_size=700.0)  # what is advised
    run = TrainingRun.create(tmp_path / "given", tmp_path / "ct", given)
    assert run.options.pixel_size == 700


def test_pixels_that_are_no_squares_are_trained_on_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "ct", 0.7)
    write(tmp_path / "ct", 0.8, height_mm=1.25)  # squares of 1 mm have that area
    run = TrainingRun.create(tmp_path / "run", tmp_path / "ct", OPTIONS)
    assert run.options.pixel_size == pytest.approx(850)
    (note,) = run.notes
    assert "ct_0.8.nii.gz has pixels of 800 x 1250 µm" in note
    assert "1000 µm wide" in note


def test_a_project_may_say_the_pixel_size_of_a_volume(card: EnsembleCard, tmp_path: Path) -> None:
    write(tmp_path / "ct", 1)
    image = open_dataset(tmp_path / "ct").items[0].read()
    assert image.pixel_size is None
    source = prepare_source(image, card, 700.0)
    assert (source.grid.shape[:2], source.pixel_size) == ((40, 48), 700.0)


def test_volumes_and_microscope_images_do_not_mix(tmp_path: Path) -> None:
    import tifffile

    write(tmp_path / "ct", 0.7)
    tifffile.imwrite(tmp_path / "ct" / "slide.tif", np.zeros((40, 40), np.uint8))
    tifffile.imwrite(tmp_path / "ct" / "slide_labels.tif", np.ones((40, 40), np.uint8))
    with pytest.raises(TrainingError, match=r"700 µm, too far from the 1\.24 µm"):
        TrainingRun.create(tmp_path / "run", tmp_path / "ct", OPTIONS)
