"""One arm and seed of a study, round after round; resumed wherever it was stopped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.assembly import put_together
from napari_qsa.ensemble.training.folders import make_folder
from napari_qsa.ensemble.training.options import Role, TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import QsaError
from napari_qsa.evaluation.results import SEEN, summarise
from napari_qsa.evaluation.runs import evaluate_ensemble
from napari_qsa.evaluation.tables import image_row, summary_json
from napari_qsa.formats.atomic import replacing
from napari_qsa.images import Dataset, Item
from napari_qsa.images.listing import encode_listing
from napari_qsa.jobs.lock import lock
from napari_qsa.jobs.progress import report
from napari_qsa.simulation.arms import FULL, Arm
from napari_qsa.simulation.division import Split, draw_start, fitted, named
from napari_qsa.simulation.querying import Query, choose
from napari_qsa.simulation.study import SCHEMA, Study, write_json

BUSY = "busy"
DONE = "done"


def run(folder: str, name: str, seed: int) -> str:
    """Do all rounds of an arm and a seed that are not finished, in this process with one thread.

    Parameters
    ----------
    folder
        Of the study.
    name
        Of the arm, or `FULL`.
    seed
        Of the run.

    Returns
    -------
    str
        ``DONE``, or ``BUSY`` where another process is at it.
    """
    study = Study.open(Path(folder))
    arm = next((arm for arm in study.arms() if arm.name == name), None)
    if arm is None and name != FULL:
        raise QsaError(f"The study in {folder} has no arm {name!r}: add it first.")
    place = study.run_folder(name, seed)
    make_folder(place)
    with lock(place / "lock") as held:
        if not held:
            return BUSY
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            _Run(study, arm, seed, place).finish()
        finally:
            torch.set_num_threads(threads)
    return DONE


@dataclass
class _Run:
    study: Study
    arm: Arm | None
    """None is full supervision."""
    seed: int
    place: Path

    def finish(self) -> None:
        name = FULL if self.arm is None else self.arm.name
        rounds = self.study.rounds_of(name)
        numbers = range(1, rounds + 1)
        if all(self.study.result(name, self.seed, number) for number in numbers):
            return
        self.dataset, self.parts = self.study.images()
        annotated = self._first()
        for number in numbers:
            result = self.study.result(name, self.seed, number)
            if result is None:
                report((number - 1) / rounds, f"{name}, seed {self.seed}: round {number}")
                result = self._round(number, annotated, last=number == rounds)
                result = {"schema": SCHEMA, "arm": name, "seed": self.seed, **result}
                write_json(self.place / f"round-{number}.json", result)
            shutil.rmtree(self.place / f"round-{number}", ignore_errors=True)
            annotated = [*result["annotated"], *result["picks"]]
        report(1.0, "")

    def _first(self) -> list[str]:
        """Give the first images, the same for all arms of a seed."""
        if self.arm is None:
            return [item.name for item in self.parts.pool]
        return draw_start(self.parts.pool, self.study.plan.start, self.seed)

    def _round(self, number: int, annotated: list[str], last: bool) -> dict[str, Any]:
        begun = time.process_time()
        folder = self.place / f"round-{number}"
        make_folder(folder)
        items = named(self.parts.pool, annotated)
        check_apart(items, self.parts)
        listing = folder / "train.json"
        pixel_size = self.dataset.pixel_size
        with replacing(listing) as file:
            file.write(encode_listing(_with_pixel_size(items, pixel_size), folder, folder))
        plan = self.study.plan
        result: dict[str, Any] = {
            "round": number,
            "images": len(items),
            "annotated": annotated,
            "picks": [],
            **self._scores(number, annotated, folder, listing),
        }
        if self.arm is not None and not last:
            suggestive = None
            if self.arm.needs_networks:
                options = self._training("suggestive", number, self.arm.weights)
                suggestive = train(folder / "suggestive", listing, options)
            query = Query(
                self.arm.strategy,
                plan.add,
                plan.candidates,
                plan.count_annotated,
                plan.training("suggestive", self.seed, number).seed,
            )
            pixel_size = plan.suggestive.source_pixel_size or pixel_size
            found = choose(self.parts.pool, pixel_size, annotated, suggestive, query)
            result |= {"picks": list(found.picks), "query": asdict(query) | found.facts}
        result["cpu_seconds"] = round(time.process_time() - begun, 1)
        return result

    def _scores(
        self, number: int, annotated: list[str], folder: Path, listing: Path
    ) -> dict[str, Any]:
        """Train and score segmentation FCNs, unless another arm did so on the same images."""
        for arm in self.study.arms() if self.arm else ():
            other = self.study.result(arm.name, self.seed, number)
            if other is not None and set(other["annotated"]) == set(annotated):
                kept = {name: other[name] for name in ("scores", "scored")}
                return kept | {"scored_by": other["scored_by"]}
        name = FULL if self.arm is None else self.arm.name
        options = self._training("segmentation", number if self.arm else 0)
        ensemble = train(folder / "segmentation", listing, options)
        pixel_size = options.source_pixel_size
        return evaluate(ensemble, self.dataset, self.parts, pixel_size) | {"scored_by": name}

    def _training(self, role: Role, number: int, weights: str = "") -> TrainingOptions:
        return fitted(self.study.plan.training(role, self.seed, number, weights), self.parts)


def check_apart(items: Sequence[Item], parts: Split) -> None:
    """Refuse to train on a patient of the images that are scored.

    Raises
    ------
    QsaError
        If there is one.
    """
    names = {item.name for item in parts.held_out}
    patients = {item.patient for item in parts.held_out if item.patient is not None}
    wrong = [item.name for item in items if item.name in names or item.patient in patients]
    if wrong:
        raise QsaError(
            f"{', '.join(wrong[:5])}: images of patients that are scored must not be trained on; "
            "start a new study."
        )


def train(folder: Path, listing: Path, options: TrainingOptions) -> Ensemble:
    """Train all members of a run in this process, or what is left of them to be trained."""
    current = (
        TrainingRun.open(folder)
        if (folder / "run.json").exists()
        else TrainingRun.create(folder, listing, options)
    )
    if current.options != options:
        raise QsaError(f"{folder} is a training of another plan: delete it, then go on.")
    for member in current.pending():
        current.train_member(member, device=torch.device("cpu"))
    files = [
        current.member_folder(member) / "member.safetensors" for member in range(options.members)
    ]
    networks = [Ensemble.load(file, device="cpu").networks()[0] for file in files]
    return put_together(current, networks, list(range(options.members)), "cpu")


def evaluate(
    ensemble: Ensemble, dataset: Dataset, parts: Split, pixel_size: float | None
) -> dict[str, Any]:
    """Score an ensemble on the held-out images, as plain values.

    Raises
    ------
    QsaError
        If an image cannot be scored, or was trained on.
    """
    found = evaluate_ensemble(replace(dataset, items=parts.held_out), ensemble, pixel_size)
    if found.failures:
        raise QsaError(found.failures[0].error)
    if any(result.source == SEEN for result in found.results):
        raise QsaError("An image that is scored has been trained on; start a new study.")
    return {
        "scores": summary_json(summarise("all", found.results)),
        "scored": [image_row(result) for result in found.results],
    }


def _with_pixel_size(items: Sequence[Item], pixel_size: float | None) -> list[Item]:
    """Write down what the data set says; a list of images says it for each."""
    return [replace(item, pixel_size=item.pixel_size or pixel_size) for item in items]
