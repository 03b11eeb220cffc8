import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from napari_qsa.images import read_image
from napari_qsa.images.pixel_size import from_imagej, from_ome, plausible

GRAY = np.zeros((8, 9), dtype=np.uint8)


@given(st.floats(allow_nan=True), st.none() | st.floats(allow_nan=True))
def test_what_is_accepted_lies_between_the_bounds(x, y):
    size = plausible(x, y)
    assert size is None or 0.05 <= size <= 20


@pytest.mark.parametrize(
    ("x", "y", "size"),
    [
        (0.5, 0.5, 0.5),
        (0.5, None, 0.5),
        (None, None, None),
        (0.05, 0.05, 0.05),
        (20.0, 20.0, 20.0),
        (0.04, 0.04, None),
        (352.8, 352.8, None),
        (0.5, 0.54, 0.5196152),
        (0.5, 1.0, None),
        (-0.5, -0.5, None),
    ],
)
def test_plausible(x, y, size):
    assert plausible(x, y) == (None if size is None else pytest.approx(size))


@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER"])
def test_tiff_resolution_tags(tmp_path, unit):
    per_unit = {"INCH": 25400, "CENTIMETER": 10000}[unit] / 0.62
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY, resolution=(per_unit, per_unit), resolutionunit=unit)
    assert read_image(path).pixel_size == pytest.approx(0.62, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"resolution": (72, 72), "resolutionunit": "INCH"},
        {"resolution": (20000, 20000), "resolutionunit": "NONE"},
        {"resolution": (20000, 40000), "resolutionunit": "CENTIMETER"},
        {},
    ],
)
def test_tiff_tags_that_tell_no_pixel_size(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", GRAY, **options)
    assert read_image(tmp_path / "a.tif").pixel_size is None


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        (0.25, "µm", 0.25),
        (250.0, "nm", 0.25),
        (0.00025, "mm", 0.25),
        (250.0, "µm", None),
        (0.25, "pixel", None),
    ],
)
def test_ome_physical_size(tmp_path, size, unit, expected):
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": size,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeY": size,
        "PhysicalSizeYUnit": unit,
    }
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, GRAY, metadata=metadata)
    found = read_image(path).pixel_size
    assert found == (None if expected is None else pytest.approx(expected))


def test_ome_texts():
    assert from_ome('<OME><Image><Pixels PhysicalSizeX="0.5" SizeX="9"/></Image></OME>') == 0.5
    assert (
        from_ome('<Pixels PhysicalSizeX="500" PhysicalSizeXUnit="nm" PhysicalSizeY="0.5"/>') == 0.5
    )
    assert from_ome('<Pixels PhysicalSizeX="0.5" PhysicalSizeXUnit="&#181;m"/>') == 0.5
    assert from_ome('<Pixels PhysicalSizeX="half"/>') is None
    assert from_ome("<OME/>") is None


@pytest.mark.parametrize("unit", ["micron", "um", "\\u00B5m"])
def test_imagej_unit(tmp_path, unit):
    path = tmp_path / "a.tif"
    metadata = {"axes": "YX", "unit": unit}
    tifffile.imwrite(path, GRAY, imagej=True, resolution=(2, 2), metadata=metadata)
    assert read_image(path).pixel_size == pytest.approx(0.5)


def test_imagej_unit_that_is_no_length():
    assert from_imagej(2, 2, "pixel") is None
    assert from_imagej(0, 0, "um") is None
    assert from_imagej(2000, 2000, "mm") == pytest.approx(0.5)


@pytest.mark.parametrize(("suffix", "tolerance"), [("png", 1e-5), ("bmp", 1e-5), ("jpg", 0.01)])
def test_density_of_other_files(tmp_path, suffix, tolerance):
    Pillow.fromarray(GRAY).save(tmp_path / f"a.{suffix}", dpi=(25400 / 0.62, 25400 / 0.62))
    assert read_image(tmp_path / f"a.{suffix}").pixel_size == pytest.approx(0.62, rel=tolerance)
    Pillow.fromarray(GRAY).save(tmp_path / f"a.{suffix}", dpi=(300, 300))
    assert read_image(tmp_path / f"a.{suffix}").pixel_size is None
