"""A study in its folder: several arms and seeds that share one plan.

::

    STUDY/study.json                  plan, images, what a training takes; written once
    STUDY/arms/ARM.json               strategy and weight scheme
    STUDY/seeds.json                  how many seeds were asked for at most; for the report alone
    STUDY/runs/ARM/seed-0/round-1.json    the scores of a round; finished once it is there
    STUDY/runs/ARM/seed-0/round-1/    its trainings, while they are at work
    STUDY/runs/full/seed-0/round-1.json   all images of the pool annotated

All results are JSON, and the report is made from them alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_qsa import __version__
from napari_qsa.ensemble.training.folders import make_folder
from napari_qsa.ensemble.training.run import check_names
from napari_qsa.errors import DatasetError, QsaError
from napari_qsa.formats.atomic import replacing
from napari_qsa.images import Dataset, Item, open_dataset, sha256
from napari_qsa.images.files import has_known_name
from napari_qsa.simulation.arms import FULL, Arm
from napari_qsa.simulation.division import Split, split
from napari_qsa.simulation.plan import Plan

SCHEMA = 1

Record = tuple[str, str, str | None]
"""Name, SHA-256 of the file, patient."""


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    with replacing(path) as file:
        file.write(json.dumps(values, indent=1, allow_nan=False).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if there is no such file.

    Raises
    ------
    QsaError
        If it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise QsaError(f"{path} is damaged ({error}); delete it, and do it again.") from error
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise QsaError(f"{path} is of another version of this program; start a new study.")
    return values


@dataclass(frozen=True)
class Study:
    """A study; make one with :meth:`create` or :meth:`open`.

    Attributes
    ----------
    folder : Path
        Of the study.
    data : Path
        The labelled images.
    part : str
        Of the data.
    plan : Plan
        Of all arms.
    pool, evaluation : tuple of (name, sha256, patient)
        The images the loop may annotate, and those that are scored.
    budget : dict
        How the iterations came about; empty where they were given.
    """

    folder: Path
    data: Path
    part: str
    plan: Plan
    pool: tuple[Record, ...]
    evaluation: tuple[Record, ...]
    budget: dict[str, Any]

    @classmethod
    def create(
        cls,
        folder: Path,
        data: Path,
        part: str,
        plan: Plan,
        budget: dict[str, Any] | None = None,
    ) -> Study:
        """Divide the images and write ``study.json``.

        Raises
        ------
        QsaError
            If there is a study already, no such network or scheme, the images do not suffice, or
            the folder holds images.
        """
        for options in (plan.suggestive, plan.segmentation):
            check_names(options)
        path = folder / "study.json"
        if path.exists():
            raise QsaError(f"{folder} already holds a study: go on with it, or give another one.")
        dataset = open_dataset(data).part(part)
        parts = split(dataset, plan.folds, plan.fold, plan.sizes[-1])
        if folder.is_dir() and any(map(has_known_name, folder.iterdir())):
            raise QsaError(f"{folder} holds images: give a study a folder of its own.")
        study = cls(
            folder,
            data.resolve(),
            part,
            plan,
            _records(parts.pool),
            _records(parts.held_out),
            budget or {},
        )
        values = {
            "schema": SCHEMA,
            "version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": str(study.data),
            "part": part,
            "plan": plan.to_json(),
            "budget": study.budget,
            "pool": [list(record) for record in study.pool],
            "evaluation": [list(record) for record in study.evaluation],
        }
        make_folder(folder)
        write_json(path, values)
        return study

    @classmethod
    def open(cls, folder: Path) -> Study:
        """Open the study in a folder; its images are not looked at.

        Raises
        ------
        QsaError
            If there is none, or it is damaged.
        """
        path = folder / "study.json"
        values = read_json(path)
        if values is None:
            raise QsaError(f"{folder} holds no study: give DATA and an arm to begin one.")
        try:
            return cls(
                folder,
                Path(values["data"]),
                values["part"],
                Plan.from_json(values["plan"]),
                _as_records(values["pool"]),
                _as_records(values["evaluation"]),
                dict(values["budget"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise QsaError(f"{path} is damaged ({error!r}); start a new study.") from error

    def images(self) -> tuple[Dataset, Split]:
        """Open the data, and check that the images are those the study began with.

        They are divided as they were then: folds depend on the grades too, which may have been
        corrected since.

        Raises
        ------
        DatasetError
            If one is missing, new or changed.
        """
        dataset = open_dataset(self.data).part(self.part).labelled()
        found = set(_records(dataset.items))
        if found != {*self.pool, *self.evaluation}:
            changed = sorted({name for name, _, _ in found ^ {*self.pool, *self.evaluation}})
            raise DatasetError(
                f"The images in {self.data} are not those the study in {self.folder} began with "
                f"({', '.join(changed[:5])}): put them back, or start a new study."
            )
        items = {item.name: item for item in dataset.items}
        pool, held_out = (
            tuple(items[name] for name, _, _ in part) for part in (self.pool, self.evaluation)
        )
        return dataset, Split(pool, held_out)

    def add_arm(self, arm: Arm) -> None:
        """Write an arm down; one of this name must be the same.

        Raises
        ------
        QsaError
            If another one is called so.
        """
        path = self.folder / "arms" / f"{arm.name}.json"
        there = read_json(path)
        if there is None:
            make_folder(path.parent)
            write_json(path, {"schema": SCHEMA, **arm.to_json()})
        elif _arm(path, there) != arm:
            raise QsaError(
                f"{path} is of another arm of this name: give NAME=STRATEGY:WEIGHTS with a new one."
            )

    def arms(self) -> tuple[Arm, ...]:
        """Read the arms, in the order of their names."""
        found = []
        for path in sorted((self.folder / "arms").glob("*.json")):
            values = read_json(path)
            if values is not None:
                found.append(_arm(path, values))
        return tuple(found)

    def note_seeds(self, wanted: int) -> None:
        """Write down how many seeds a call asks for; the largest number counts."""
        if wanted > (self.seeds_wanted() or 0):
            write_json(self.folder / "seeds.json", {"schema": SCHEMA, "wanted": wanted})

    def seeds_wanted(self) -> int | None:
        """Say how many seeds were asked for; None where no call has written it down."""
        values = read_json(self.folder / "seeds.json")
        return None if values is None else int(values.get("wanted", 0)) or None

    def begun(self) -> tuple[str | None, str | None]:
        """Say with which version of this program the study began, and on which day."""
        values = read_json(self.folder / "study.json") or {}
        version, created = (values.get(name) for name in ("version", "created"))
        return version, created and str(created)[:10]

    def run_folder(self, name: str, seed: int) -> Path:
        """Give the folder of an arm (or of full supervision) and a seed."""
        return self.folder / "runs" / name / f"seed-{seed}"

    def rounds_of(self, name: str) -> int:
        """Say how many rounds a run has; full supervision has one."""
        return 1 if name == FULL else self.plan.rounds

    def result(self, name: str, seed: int, number: int) -> dict[str, Any] | None:
        """Read the result of a round, counted from 1; None if it is not finished."""
        return read_json(self.run_folder(name, seed) / f"round-{number}.json")


def _arm(path: Path, values: dict[str, Any]) -> Arm:
    try:
        return Arm(values["name"], values["strategy"], values["weights"])
    except (KeyError, TypeError) as error:
        raise QsaError(f"{path} is damaged ({error!r}); delete it, and add it again.") from error


def _records(items: tuple[Item, ...]) -> tuple[Record, ...]:
    return tuple((item.name, sha256(item.image), item.patient) for item in items)


def _as_records(values: Any) -> tuple[Record, ...]:
    return tuple((str(name), str(digest), patient) for name, digest, patient in values)
