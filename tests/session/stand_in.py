"""Runs in the engine's child instead of the networks; the ensemble's name says what to do."""

import os
import time
from types import SimpleNamespace

import numpy as np

from napari_qsa.errors import EnsembleFileError, ImageError
from napari_qsa.jobs.progress import report


def warm_up(ensemble):
    if ensemble == "missing":
        raise EnsembleFileError("There is no ensemble 'missing'.")
    if ensemble == "slow":
        time.sleep(0.5)


def segment(pixels, ensemble, pixel_size=None, tta=False, full_scale=None):
    report(0.0, "Segmenting")
    if ensemble == "endless":
        time.sleep(600)
    if ensemble == "crash":
        os._exit(1)
    if ensemble == "refuse":
        raise ImageError("Too small.")
    if ensemble == "slow":
        for step in range(4):
            time.sleep(0.1)
            report((step + 1) / 4, "Segmenting")
    shape = pixels.shape[:2]
    labels = np.zeros(shape, np.int32)
    labels[:2], labels[-2:] = 1, 2
    return SimpleNamespace(
        labels=labels,
        probability=np.full(shape, 0.5, np.float32),
        uncertainty=np.full(shape, 0.25, np.float32),
        image_uncertainty=0.25,
        pixel_size=pixel_size or 0.62,
        notes=("A note.",),
    )
