"""An engine without a process: it answers in the caller's thread, at once or when told to."""

from pathlib import Path

import numpy as np

from napari_qsa.ensemble.instances import find_instances
from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.images.reading import read_image
from napari_qsa.jobs import Job, Progress, tasks
from napari_qsa.metrics.member_scores import member_scores
from napari_qsa.metrics.small_map import small_map


def predict(path, page=None, pixel_size=None, tta=False):
    """Find what is bright; the networks are the less sure the darker it is."""
    pixels = read_image(Path(path), page).pixels.astype(np.float32) / 255
    gray = pixels.mean(axis=2)
    smooth = np.where(gray > 0.6, 0.9, 0.3 * gray).astype(np.float32)
    uncertainty = (0.5 * gray * (0.9 if tta else 1)).astype(np.float32)
    separator = np.zeros_like(smooth)
    known = pixel_size or 0.62
    found = find_instances(smooth, separator, known, None, uncertainty)
    descriptor = np.concatenate([pixels.mean((0, 1)), pixels.std((0, 1)), [0.1]])
    members = np.clip(np.stack([smooth - uncertainty, smooth + uncertainty]), 0, 1)
    return Prediction(
        smooth,
        uncertainty,
        separator,
        found.labels,
        descriptor.astype(np.float32),
        known,
        () if pixel_size else ("The pixel size is unknown.",),
        scores=member_scores(members),
        embedding=np.concatenate([descriptor, descriptor[::-1]]).astype(np.float32),
    )


def segment_file(path, page, ensemble, pixel_size=None, tta=False):
    return predict(path, page, pixel_size, tta)


def score_file(path, page, ensemble, pixel_size=None):
    found = predict(path, page, pixel_size)
    count = int(found.labels.max())
    return tasks.ImageScore(
        found.image_uncertainty,
        count,
        found.descriptor,
        found.pixel_size,
        found.scores,
        found.embedding,
        small_map(found.uncertainty),
    )


FAKES = {"segment_file": segment_file, "score_file": score_file}


class FakeEngine:
    """What the parts of a workbench need of an engine.

    Attributes
    ----------
    asked : list of (str, str, tuple)
        Each call: its task, the stem of the image's file, all arguments.
    errors : dict
        Of a stem: what its calls raise.
    hold_after : int or None
        So many calls are answered, then the next ones wait.
    """

    def __init__(self):
        self.asked = []
        self.errors = {}
        self.hold_after = None
        self.held = []
        self.closed = False

    def submit(self, fn, /, *args, **kwargs):
        if self.closed:
            raise RuntimeError("shut down")
        job = Job()
        stem = Path(args[0]).stem
        self.asked.append((fn.__name__, stem, args))
        if self.hold_after is not None and len(self.asked) > self.hold_after:
            self.held.append((job, fn, args, kwargs))
        else:
            self._answer(job, fn, args, kwargs)
        return job

    def release(self):
        """Answer what waits, and what comes."""
        held, self.held, self.hold_after = self.held, [], None
        for job, fn, args, kwargs in held:
            job._tell(Progress(0.5, "Half of it"))
            self._answer(job, fn, args, kwargs)

    def stems(self, task):
        return [stem for name, stem, _ in self.asked if name == task]

    def cancel(self):
        for job, *_ in self.held:
            job.cancel()

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.closed = True

    def _answer(self, job, fn, args, kwargs):
        error = self.errors.get(Path(args[0]).stem)
        try:
            if error is not None:
                raise error
            answer = ("result", FAKES[fn.__name__](*args, **kwargs))
        except Exception as failure:
            answer = ("error", failure)
        job._finish(*answer)
