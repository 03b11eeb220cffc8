import os

import numpy as np
import pytest

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.errors import EnsembleFileError
from napari_qsa.images.reading import Image
from napari_qsa.jobs import Progress, progress, tasks


@pytest.fixture
def loaded(monkeypatch):
    """The paths that were loaded, by an ensemble that only repeats what it is asked."""
    paths = []

    class Stub:
        def predict(self, image, tta, progress):
            progress(1, 4)
            return image, tta

    def load(path):
        paths.append(path)
        return Stub()

    monkeypatch.setattr(Ensemble, "load", load)
    tasks._load.cache_clear()
    yield paths
    tasks._load.cache_clear()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"first")
    return path


def test_an_ensemble_is_loaded_once(loaded, file):
    tasks.warm_up(str(file))
    tasks.segment(np.zeros((2, 3, 3), np.uint8), str(file))
    assert loaded == [str(file)]


def test_a_file_that_changed_is_loaded_again(loaded, file):
    tasks.warm_up(str(file))
    file.write_bytes(b"other")
    os.utime(file, ns=(0, 0))
    tasks.warm_up(str(file))
    assert loaded == [str(file)] * 2


def test_a_missing_ensemble_is_refused(loaded):
    with pytest.raises(EnsembleFileError, match="nowhere"):
        tasks.warm_up("nowhere")


def test_the_image_and_the_options_are_passed_on_and_progress_comes_back(loaded, file):
    pixels = np.zeros((2, 3, 1), np.uint16)
    seen = []
    progress.listen(seen.append)
    try:
        image, tta = tasks.segment(pixels, str(file), pixel_size=0.3, tta=True, full_scale=4095)
    finally:
        progress.listen(None)
    assert isinstance(image, Image)
    assert image.pixels is pixels
    assert image.pixel_size == 0.3
    assert tta is True
    assert seen[-1] == Progress(0.25, "Segmenting")


def test_a_report_outside_a_job_goes_nowhere():
    seen = []
    progress.listen(seen.append)
    progress.report(0.25)
    progress.listen(None)  # the job is over
    progress.report(0.5)
    assert seen == [Progress(0.25)]
