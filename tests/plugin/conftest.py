import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_qsa.session.options import SegmentOptions
from napari_qsa.session.state import Segmented, Subject

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def ensemble_file(tmp_path_factory):
    """A small ensemble that really segments, made in another process: torch stays out of ours."""
    path = tmp_path_factory.mktemp("ensemble") / "small.safetensors"
    subprocess.run([sys.executable, HERE / "make_ensemble.py", path], check=True, timeout=600)
    return path


@pytest.fixture
def segmented():
    """A function that makes the result of a segmentation without one."""

    def make(shape=(20, 30), plane=(), value=1, key="any"):
        labels = np.zeros(shape, np.int32)
        labels[2:6, 3:9] = value
        prediction = SimpleNamespace(
            labels=labels,
            probability=np.full(shape, 0.25 * value, np.float32),
            uncertainty=np.full(shape, 0.125 * value, np.float32),
            image_uncertainty=0.125 * value,
            pixel_size=0.62,
            notes=(),
        )
        subject = Subject(key, "slide", lambda: None, True, plane)
        return Segmented(subject, SegmentOptions(), prediction, 1.0)

    return make
