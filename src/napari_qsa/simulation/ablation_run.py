"""Running an ablation: every network is trained once, every cell is a folder, nothing twice.

::

    RUNS/ablation.json                                  options and images
    RUNS/seed-0/start/SCHEME/                           run of suggestive networks, and its picks
    RUNS/seed-0/selected-DIGEST/SCHEME/                 run of segmentation networks
    RUNS/cells/SUGGESTIVE__SEGMENTATION__N/seed-0.json  the scores of a cell

Two suggestive schemes that pick the same images share the segmentation networks trained on them,
and all schemes in one folder share the float phase. What is there is not done again, so an
ablation that was stopped goes on when it is called again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from napari_qsa.ensemble.training.folders import make_folder
from napari_qsa.ensemble.training.options import Role, TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun, check_names
from napari_qsa.ensemble.training.schedule import plan_to_json
from napari_qsa.errors import QsaError
from napari_qsa.evaluation.runs import evaluate_ensemble
from napari_qsa.evaluation.tables import image_row, summary_json
from napari_qsa.formats.atomic import replacing
from napari_qsa.images import Dataset, open_dataset, sha256
from napari_qsa.jobs.lock import lock
from napari_qsa.simulation.ablation import AblationOptions, Cell
from napari_qsa.simulation.ablation_selection import (
    Pixels,
    Selection,
    digest_of,
    read_pool,
    read_selection,
    select,
    write_selection,
)
from napari_qsa.simulation.ablation_training import first_networks, train_networks
from napari_qsa.simulation.division import Split, draw_start, fitted, named, split

SCHEMA = 1

Progress = Callable[[int, int, str], None]
"""Called with cells done, cells in all, and what is at work; may raise to stop."""


@dataclass(frozen=True)
class Ablation:
    """An ablation in its folder.

    Attributes
    ----------
    folder : Path
        Of the ablation.
    dataset : Dataset
        Labelled images; those without labels are left out.
    options : AblationOptions
        What to do.
    device : str
        Where networks are trained.
    """

    folder: Path
    dataset: Dataset
    options: AblationOptions
    device: str = "cpu"
    _selections: dict[tuple[str, int], Selection] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        folder: Path,
        data: Path,
        options: AblationOptions,
        part: str = "train",
        device: str = "cpu",
    ) -> Ablation:
        """Begin an ablation, or go on with one.

        Raises
        ------
        QsaError
            If there is no such network or scheme, or the folder holds an ablation of other images
            or options; more schemes or seeds are no other options, nor are more numbers of
            members up to the largest there was.
        """
        check_names(options.training("suggestive", options.suggestive[0], 0))
        dataset = open_dataset(data).part(part)
        found = cls(folder, dataset, options, device)
        parts = found.split
        kept = options.to_json()
        for free in ("suggestive", "segmentation", "against", "members", "seeds"):
            del kept[free]
        facts = {
            "schema": SCHEMA,
            "options": kept | {"most_members": max(options.members)},
            "pool": {item.name: sha256(item.image) for item in parts.pool},
            "held_out": {item.name: sha256(item.image) for item in parts.held_out},
        }
        path = folder / "ablation.json"
        if path.exists():
            before = _read(path)
            if before != json.loads(json.dumps(facts)):
                raise QsaError(
                    f"{folder} holds an ablation of other images or options: choose another "
                    "folder, or give the options it began with."
                )
        else:
            make_folder(folder)
            _write(path, facts)
        return found

    @cached_property
    def split(self) -> Split:
        """Pool and held-out fold."""
        options = self.options
        return split(self.dataset, options.folds, options.fold, options.start + options.add)

    @cached_property
    def _images(self) -> dict[str, Pixels]:
        options = self._training("suggestive", self.options.suggestive[0], 0)
        return read_pool(self.dataset, self.split.pool, options)

    def path_of(self, cell: Cell, seed: int) -> Path:
        """Where the scores of a cell are."""
        return self.folder / "cells" / cell.name / f"seed-{seed}.json"

    def run(self, progress: Progress = lambda done, total, about: None) -> list[dict[str, Any]]:
        """Work out every cell that is not there yet, and return the results of all.

        Raises
        ------
        QsaError
            If another process is at it, or an image cannot be used.
        """
        with lock(self.folder / "lock") as held:
            if not held:
                raise QsaError(f"Another process is at the ablation in {self.folder}: wait for it.")
            return self._run(progress)

    def _run(self, progress: Progress) -> list[dict[str, Any]]:
        cells = [
            (cell, seed) for seed in range(self.options.seeds) for cell in self.options.cells()
        ]
        results = []
        for done, (cell, seed) in enumerate(cells):
            path = self.path_of(cell, seed)
            if not path.exists():

                def tell(about: str, done: int = done, seed: int = seed) -> None:
                    progress(done, len(cells), f"seed {seed}: {about}")

                make_folder(path.parent)
                _write(path, self._result(cell, seed, tell))
            results.append(_read(path))
        progress(len(cells), len(cells), "")
        return results

    def selection(
        self, scheme: str, seed: int, tell: Callable[[str], None] = lambda about: None
    ) -> Selection:
        """Give what suggestive networks of a scheme pick, training them if they are not there."""
        if (scheme, seed) not in self._selections:
            options = self.options
            start = draw_start(self.split.pool, options.start, seed)
            folder = self.folder / f"seed-{seed}" / "start"
            path = folder / scheme / "selection.json"
            found = read_selection(path)
            if found is None:
                run = train_networks(
                    folder,
                    named(self.split.pool, start),
                    self._training("suggestive", scheme, seed),
                    options.suggestive_members,
                    tell,
                    self._device,
                )
                ensemble = first_networks(run, options.suggestive_members, self.device)
                tell(f"images picked by {scheme}")
                found = select(ensemble, self._images, start, options.add, options.candidates)
                write_selection(path, found)
            self._selections[scheme, seed] = found
        return self._selections[scheme, seed]

    def _result(self, cell: Cell, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
        """Train what the cell still needs, and score it on the held-out fold."""
        options = self.options
        selection = self.selection(cell.suggestive, seed, tell)
        annotated = {*draw_start(self.split.pool, options.start, seed), *selection.picks}
        digest = digest_of(annotated)
        run = train_networks(
            self.folder / f"seed-{seed}" / f"selected-{digest}",
            named(self.split.pool, annotated),
            self._training("segmentation", cell.segmentation, seed),
            cell.members,
            tell,
            self._device,
        )
        tell(f"scores of {cell.name}")
        held_out = Dataset(self.dataset.root, self.split.held_out, self.dataset.pixel_size)
        found = evaluate_ensemble(
            held_out,
            first_networks(run, cell.members, self.device),
            pixel_size=options.source_pixel_size,
        )
        if found.failures:
            raise QsaError(found.failures[0].error)
        return {
            "schema": SCHEMA,
            "suggestive": cell.suggestive,
            "segmentation": cell.segmentation,
            "members": cell.members,
            "seed": seed,
            "picks": list(selection.picks),
            "images": digest,
            "phases": plan_to_json(run.plan),
            "suggestive_phases": plan_to_json(self._suggestive_run(cell.suggestive, seed).plan),
            "scores": summary_json(found.summaries[0]),
            "held_out": [image_row(result) for result in found.results],
        }

    def _suggestive_run(self, scheme: str, seed: int) -> TrainingRun:
        return TrainingRun.open(self.folder / f"seed-{seed}" / "start" / scheme)

    def _training(self, role: Role, scheme: str, seed: int) -> TrainingOptions:
        return fitted(self.options.training(role, scheme, seed), self.split)

    @property
    def _device(self) -> torch.device:
        return torch.device(self.device)


def _write(path: Path, values: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write(json.dumps(values, indent=1).encode() + b"\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise QsaError(f"{path} is damaged ({error}); delete it to work it out again.") from error
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise QsaError(f"{path} is of another version: choose another folder.")
    return values
