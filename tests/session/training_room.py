"""A project on which real networks are trained in seconds, and a trainer of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imsave

from napari_qsa.images import open_dataset
from napari_qsa.images.synthetic import synthetic_glas
from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.trainer import ProjectTrainingOptions, Trainer

PATIENCE = 400.0
"""Seconds to wait for what takes some: the machine may be busy."""

SLOTS = ("suggestive", "segmentation")
TINY: dict[str, Any] = {"batch": 2, "crop": 32}


def options(**changes: Any) -> ProjectTrainingOptions:
    """Of a training that takes a moment."""
    given = {"iterations": 20, "members": 2, "workers": 1, "suggestive": TINY, "segmentation": TINY}
    return ProjectTrainingOptions(**(given | changes))


def make_project(
    folder: Path, ensemble_maker: Callable[..., Path], validation: int = 1, train: int = 3
) -> Project:
    """A project of small synthetic images, all accepted, with tiny untrained models in use."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    made = list(synthetic_glas(train + validation, seed=4, shape=(72, 88)))
    for number, (pixels, _, _) in enumerate(made):
        imsave(pictures / f"slide_{number}.png", pixels, check_contrast=False)
    project = Project.create(folder / "glands.qsa", "Glands", pixel_size=0.62, seed=5)
    project.add_images(open_dataset(pictures))
    ids = list(project.images)
    for image_id, (_, labels, _) in zip(ids, made, strict=True):
        region = np.ones(labels.shape, np.uint8)
        region[:, :8] = 2
        project.accept(image_id, labels, region)
    project.set_role(ids[:train], "train")
    project.set_role(ids[train:], "validation")
    for number, slot in enumerate(SLOTS):
        made_file = ensemble_maker(folder / f"{slot}.safetensors", role=slot, members=2 + number)
        project.use_model(slot, project.add_model(made_file))
    return project


class Room:
    """A desk with a project, its trainer, and all that was told."""

    def __init__(self, project: Project) -> None:
        self.inbox = Inbox()
        self.desk = Desk(self.inbox.post)
        self.failures: list[str] = []
        self.finished: list[str] = []
        self.desk.failed.connect(lambda failure: self.failures.append(failure.message))
        self.trainer = Trainer(self.desk)
        self.trainer.finished.connect(self.finished.append)
        self.desk.put_project(project)
        self.settle()

    def until(self, condition: Callable[[], bool]) -> None:
        """Answer calls until something holds."""
        self.inbox.run_until(condition, PATIENCE)

    def settle(self) -> None:
        """Answer all that was asked for up to now."""
        seen: list[object] = []
        self.trainer.plan(seen.append)
        self.until(lambda: bool(seen))

    def train(self, **changes: Any) -> str:
        """Train to the end; give the run's id."""
        self.trainer.start(options(**changes))
        self.until(lambda: not self.trainer.running)
        assert self.failures == []
        return self.finished[-1]

    def close(self) -> None:
        """Let go of everything, the training too."""
        self.trainer.cancel()
        end = time.monotonic() + PATIENCE
        while self.trainer.running and time.monotonic() < end:
            self.inbox.run_until(lambda: not self.trainer.running, PATIENCE)
        self.trainer.close()
        self.desk.close()
