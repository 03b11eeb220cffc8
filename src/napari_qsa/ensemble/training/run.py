"""A training run: one folder that says what is trained, and holds what has been trained so far.

``run.json`` is written once: options, the phases of the training, where the images are and what
they are (SHA-256 and fold).
``members/M/`` belongs to member M alone: its events, its checkpoint while it trains, its float
weights once that phase is over, and ``member.safetensors``, an ensemble of one, when it is done.
So members can be trained one after another or by several processes, in any order, with the same
result.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from napari_qsa import __version__
from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import read_card
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.assembly import put_together
from napari_qsa.ensemble.training.checkpoint import write_bytes
from napari_qsa.ensemble.training.events import EventLog
from napari_qsa.ensemble.training.folders import make_folder, new_folder
from napari_qsa.ensemble.training.member import MemberTrainer, Report
from napari_qsa.ensemble.training.monitor import Watch
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import (
    TrainingImage,
    assumption,
    fitted_to_volumes,
    left_out,
    load_training_images,
    median_pixel_size,
)
from napari_qsa.ensemble.training.schedule import (
    Phase,
    phases,
    plan_from_json,
    plan_to_json,
)
from napari_qsa.ensemble.training.start import located, start_digest
from napari_qsa.errors import QsaError, TrainingError
from napari_qsa.images import Dataset, open_dataset
from napari_qsa.networks import build_network
from napari_qsa.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD
from napari_qsa.quantization import (
    activation_scheme,
    exceptions_of,
    prepare,
    weight_scheme,
    with_names,
)

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TrainingRun:
    """A run in its folder; make one with :meth:`create` or :meth:`open`.

    Attributes
    ----------
    folder : Path
        Of the run.
    options : TrainingOptions
        What to train.
    data : Path
        The data set: a folder, or a list of images.
    part : str
        Which part of it.
    records : tuple of (name, sha256, fold)
        The images this run trains on.
    source_pixel_size : float
        µm of a pixel of the training images, the median.
    notes : tuple of str
        Sentences about what was left out or assumed, for the user to read.
    plan : tuple of Phase
        Of each member; empty in a run that did not record it.
    started : str
        When, in UTC (ISO 8601).
    start_sha256 : str or None
        Of the file of the ensemble it starts from; None without one, or if not recorded.
    watch : Watch or None
        How closely it is watched.
    terms : tuple of str
        Sentences that users of the ensemble it starts from must read, and so of this one.
    """

    folder: Path
    options: TrainingOptions
    data: Path
    part: str
    records: tuple[tuple[str, str, int], ...]
    source_pixel_size: float
    notes: tuple[str, ...] = ()
    plan: tuple[Phase, ...] = ()
    started: str = ""
    start_sha256: str | None = None
    watch: Watch | None = None
    terms: tuple[str, ...] = ()

    @classmethod
    def create(
        cls,
        folder: Path,
        data: Path,
        options: TrainingOptions,
        part: str = "all",
        watch: Watch | None = None,
    ) -> TrainingRun:
        """Read the images once and write ``run.json``.

        Raises
        ------
        TrainingError
            If the folder already holds a run or cannot be made, or no image has labels.
        QsaError
            If there is no such network or scheme.
        """
        options = check_names(options)
        digest: str | None = None
        terms: tuple[str, ...] = ()
        if options.start is not None:
            options = dataclasses.replace(options, start=located(options.start))
            digest = start_digest(str(options.start))
            terms = read_card(shipped.resolve(str(options.start))).notes
        with new_folder(folder):
            if (folder / "run.json").exists():
                raise TrainingError(
                    f"{folder} already holds a training run: resume it with --resume, or delete it."
                )
            dataset = open_dataset(data).part(part)
            options = fitted_to_volumes(dataset, options)
            images = load_training_images(dataset, options)
            source = median_pixel_size(images, options)
            notes = left_out(dataset) + assumption(images, options)
            records = tuple((image.name, image.sha256, image.fold) for image in images)
            plan = phases(options)
            started = datetime.now(UTC).isoformat(timespec="seconds")
            run = cls(
                folder,
                options,
                data.resolve(),
                part,
                records,
                source,
                notes,
                plan,
                started,
                digest,
                watch,
                terms,
            )
            run.__dict__["images"] = images
            values = {
                "schema": SCHEMA_VERSION,
                "version": __version__,
                "started": started,
                "options": options.to_json(),
                "start_sha256": digest,
                "data": _place_of(run.data, folder.resolve()),
                "part": part,
                "source_pixel_size": source,
                "notes": list(run.notes),
                "phases": plan_to_json(plan),
                "images": [list(record) for record in records],
            }
            if terms:
                values["terms"] = list(terms)
            if watch is not None:
                values["watch"] = dataclasses.asdict(watch)
            write_bytes(folder / "run.json", json.dumps(values, indent=1).encode())
        return run

    @classmethod
    def open(cls, folder: Path) -> TrainingRun:
        """Open the run in a folder.

        Raises
        ------
        TrainingError
            If there is none, or its ``run.json`` is damaged.
        """
        path = folder / "run.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                folder,
                TrainingOptions.from_json(values["options"]),
                (folder.resolve() / values["data"]).resolve(),
                values["part"],
                tuple((name, digest, fold) for name, digest, fold in values["images"]),
                float(values["source_pixel_size"]),
                tuple(map(str, values.get("notes", ()))),
                plan_from_json(values.get("phases", ())),
                str(values["started"]),
                values.get("start_sha256"),
                None if values.get("watch") is None else Watch(**values["watch"]),
                tuple(map(str, values.get("terms", ()))),
            )
        except (FileNotFoundError, NotADirectoryError):
            raise TrainingError(
                f"{folder} holds no training run; start one without --resume."
            ) from None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise TrainingError(f"{path} is damaged ({error}); start a new run.") from error

    @cached_property
    def images(self) -> list[TrainingImage]:
        """The images, read again and checked to be the ones the run began with.

        Raises
        ------
        TrainingError
            If an image is missing, new or changed.
        """
        dataset: Dataset = open_dataset(self.data).part(self.part)
        images = load_training_images(dataset, self.options)
        found = tuple((image.name, image.sha256, image.fold) for image in images)
        if found != self.records:
            changed = sorted({name for name, _, _ in set(found) ^ set(self.records)})
            raise TrainingError(
                f"The images in {self.data} are not those this run began with "
                f"({', '.join(changed[:5])}): put them back, or start a new run."
            )
        return images

    @cached_property
    def validation(self) -> list[TrainingImage]:
        """The images it is watched on; those that have become unusable are left out."""
        if self.watch is None:
            return []
        try:
            items = open_dataset(self.folder / self.watch.validation)
            return load_training_images(items, self.options) if items.items else []
        except QsaError as error:
            logger.warning("The run is not watched: %s", error)
            return []

    # -- members ---------------------------------------------------------------------------------

    def member_folder(self, member: int) -> Path:
        """Folder of one member."""
        return self.folder / "members" / str(member)

    def finished(self, member: int) -> bool:
        """Whether a member is trained to its end."""
        return self._file_of(member).exists()

    def pending(self) -> list[int]:
        """Members that are still to be trained, or to be finished."""
        return [member for member in range(self.options.members) if not self.finished(member)]

    def train_member(
        self,
        member: int,
        report: Report | None = None,
        device: torch.device | None = None,
        start_from: Path | None = None,
    ) -> None:
        """Train one member to its end, from its checkpoint if there is one.

        Parameters
        ----------
        member : int
            Which.
        report : callable, optional
            Called with each event after it is logged; may raise to stop.
        device : torch.device, optional
            Where to train.
        start_from : Path, optional
            Folder of another run with the same images and options, schemes aside: its float
            phase is taken over.
        """
        folder = self.member_folder(member)
        make_folder(folder)
        log = EventLog(folder / "events.jsonl")

        def tell(event: dict[str, Any]) -> None:
            log.write(event)
            if report is not None:
                report(event)

        source = start_from / "members" / str(member) if start_from is not None else None
        threads = torch.get_num_threads()  # of this process, which a trainer changes
        try:
            trainer = MemberTrainer(
                self.images,
                self.options,
                member,
                folder,
                (IMAGENET_MEAN, IMAGENET_STD),
                tell,
                device,
                source,
                self.plan,
                self.start_sha256,
                self.watch,
                self.validation,
            )
            network = trainer.run()
        finally:
            torch.set_num_threads(threads)
        put_together(self, [network], [member], "cpu").save(self._file_of(member))
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)

    def assemble(self, device: str = "auto") -> Ensemble:
        """Put the finished members together; the halo is the largest one measured on them.

        Parameters
        ----------
        device : str
            Where the ensemble shall run.

        Raises
        ------
        TrainingError
            If a member is not finished.
        """
        if pending := self.pending():
            raise TrainingError(
                f"Members {pending} of {self.folder} are not trained yet; resume the run."
            )
        members = range(self.options.members)
        networks = [
            Ensemble.load(self._file_of(member), device="cpu").networks()[0] for member in members
        ]
        return put_together(self, networks, list(members), device, measure=True)

    def _file_of(self, member: int) -> Path:
        return self.member_folder(member) / "member.safetensors"


def _place_of(data: Path, folder: Path) -> str:
    """Write where the data are: a list beside the run may be moved together with it."""
    if data.is_file() and data.is_relative_to(folder.parent):
        return Path(os.path.relpath(data, folder)).as_posix()
    return str(data)


def check_names(options: TrainingOptions) -> TrainingOptions:
    """Find an unknown network, option, layer or scheme before any image is read.

    Returns
    -------
    TrainingOptions
        With the names of the layers that are the first and the last.

    Raises
    ------
    QsaError
        If there is one.
    """
    weight_scheme(options.weights)
    activation_scheme(options.activations)
    network = build_network(options.network, len(IMAGENET_MEAN), **options.network_options)
    exceptions_of(prepare(network), options.layers)
    return dataclasses.replace(options, layers=with_names(network, options.layers))
