"""Label images and maps read back as they were written."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_qsa.errors import QsaError
from napari_qsa.formats import replacing, write_labels, write_map


@pytest.mark.parametrize(
    ("highest", "dtype"),
    [(1, np.uint16), (65535, np.uint16), (65536, np.uint32), (2**32 - 1, np.uint32)],
)
def test_labels_read_back(tmp_path: Path, highest: int, dtype: type) -> None:
    labels = np.zeros((40, 60), np.int64)
    labels[3:9, 5:20], labels[30:, 40:] = 1, highest
    write_labels(tmp_path / "a.tif", labels)
    back = tifffile.imread(tmp_path / "a.tif")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, labels)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32])
def test_labels_of_any_whole_type(tmp_path: Path, dtype: type) -> None:
    labels = (np.arange(12).reshape(3, 4) % 2).astype(dtype)
    write_labels(tmp_path / "a.tif", labels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), labels)


def test_map_reads_back_bit_identical(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((33, 3), np.float32)  # 3 wide: still gray, not RGB
    write_map(tmp_path / "a.tif", values, 0.62)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
        page = file.pages.first
        assert page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        back = page.asarray()
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize("pixel_size", [0.05, 0.62, 1.0, 20.0])
def test_pixel_size_is_in_the_tags(tmp_path: Path, pixel_size: float) -> None:
    write_map(tmp_path / "a.tif", np.zeros((4, 4)), pixel_size)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        assert page.tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
        for name in ("XResolution", "YResolution"):
            top, bottom = page.tags[name].value
            assert bottom / top * 1e4 == pytest.approx(pixel_size, rel=1e-6)


def test_labels_are_compressed(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", np.ones((500, 500), np.int32))
    assert (tmp_path / "a.tif").stat().st_size < 10_000


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((3, 3)),
        np.zeros((3, 3, 3), int),
        np.full((3, 3), -1),
        np.full((3, 3), 2**33),
        np.zeros((0, 3), int),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path: Path, labels: np.ndarray) -> None:
    with pytest.raises(QsaError, match=r"a\.tif"):
        write_labels(tmp_path / "a.tif", labels)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pixel_size", [0.0, -1.0, np.nan, np.inf])
def test_pixel_size_must_be_positive(tmp_path: Path, pixel_size: float) -> None:
    with pytest.raises(QsaError, match="pixel size"):
        write_map(tmp_path / "a.tif", np.zeros((3, 3)), pixel_size)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(QsaError, match=r"there is no folder .*nowhere"):
        write_labels(tmp_path / "nowhere" / "a.tif", np.ones((3, 3), int))


def test_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(QsaError, match="it is a folder"):
        write_labels(tmp_path / "a.tif", np.ones((3, 3), int))
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind root")
def test_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(QsaError, match="write permission"):
            write_labels(tmp_path / "a.tif", np.ones((3, 3), int))
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.skipif(os.name != "posix", reason="Windows does not replace files that are open")
def test_who_has_the_old_file_open_reads_on_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        with replacing(path) as file:
            file.write(b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(QsaError, match=r"a\.tif cannot be written \(No space left on device\)"):
        write_map(tmp_path / "a.tif", np.zeros((3, 3)))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="file modes are a POSIX matter")
def test_others_may_read_what_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_map(tmp_path / "a.tif", np.zeros((3, 3)))
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.tif").stat().st_mode) == 0o644
