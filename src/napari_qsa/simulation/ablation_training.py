"""Training the networks of an ablation, each once: float phases are shared between schemes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.assembly import put_together
from napari_qsa.ensemble.training.folders import make_folder
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import TrainingError
from napari_qsa.formats.atomic import replacing
from napari_qsa.images import Item, encode_listing

logger = logging.getLogger(__name__)

FLOAT = "float.safetensors"
"""What a finished float phase leaves in the folder of a member."""

Tell = Callable[[str], None]
"""Called with what is at work; may raise to stop."""


def train_networks(
    folder: Path,
    items: Sequence[Item],
    options: TrainingOptions,
    members: int,
    tell: Tell,
    device: torch.device | None = None,
) -> TrainingRun:
    """Train the first networks of a run, or go on where it stopped.

    Parameters
    ----------
    folder
        Holds the list of images and one run for each scheme; the float phase of a member is taken
        over from any run beside it that has it, which on the CPU changes no bit.
    items
        To train on.
    options
        Of the run.
    members
        So many of them are trained now.
    tell
        See `Tell`.
    device
        The CPU if None.

    Raises
    ------
    TrainingError
        If the folder holds a run with other options or images.
    """
    path = folder / options.weights
    listing = folder / "images.json"
    if (path / "run.json").exists():
        run = TrainingRun.open(path)
        names = [name for name, _, _ in run.records]
        if run.options != options or names != [item.name for item in items]:
            raise TrainingError(
                f"{path} is a run with other options or images: choose another folder, or give "
                "the options it began with."
            )
    else:
        make_folder(folder)
        if not listing.exists():
            with replacing(listing) as file:
                file.write(encode_listing(items, folder, folder))
        run = TrainingRun.create(path, listing, options)
        for sentence in run.notes:
            logger.warning("%s", sentence)
    for member in range(members):
        if run.finished(member):
            continue

        def report(event: dict[str, Any], member: int = member) -> None:
            tell(f"{options.role} {options.weights}, network {member}")

        run.train_member(member, report, device, _donor(run, member))
    return run


def first_networks(run: TrainingRun, members: int, device: str = "cpu") -> Ensemble:
    """Put the first so many networks of a run together."""
    networks = [
        Ensemble.load(run.member_folder(member) / "member.safetensors", device="cpu").networks()[0]
        for member in range(members)
    ]
    return put_together(run, networks, list(range(members)), device)


def _donor(run: TrainingRun, member: int) -> Path | None:
    """Find the run of another scheme whose float phase of a member is the same."""
    if (run.member_folder(member) / "checkpoint.safetensors").exists():
        return None
    for path in sorted(run.folder.parent.glob(f"*/members/{member}/{FLOAT}")):
        other = TrainingRun.open(path.parents[2])
        if other.plan[0] == run.plan[0]:
            return other.folder
    return None
