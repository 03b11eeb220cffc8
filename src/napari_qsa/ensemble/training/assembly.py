"""Put trained networks together with the card that says how they came about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_qsa import __version__
from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.card import TrainingImage as ImageRecord
from napari_qsa.ensemble.ensemble import Ensemble, measure_halo
from napari_qsa.ensemble.instances import InstanceOptions
from napari_qsa.ensemble.scale import of_volumes
from napari_qsa.images.pixel_size import LARGEST
from napari_qsa.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD
from napari_qsa.quantization import exceptions_of

if TYPE_CHECKING:
    from napari_qsa.ensemble.training.run import TrainingRun

HALO_PROBE = 768
"""Side in pixels of the image the halo is measured on."""


def put_together(
    run: TrainingRun,
    networks: Sequence[nn.Module],
    members: list[int],
    device: str,
    measure: bool = False,
) -> Ensemble:
    """Make an ensemble of some members of a run.

    Parameters
    ----------
    run
        In which they were trained.
    networks
        Frozen.
    members
        Their numbers.
    device
        Where the ensemble shall run.
    measure
        Whether to measure the halo; otherwise it is guessed.
    """
    options = run.options
    stride = int(networks[0].stride)  # type: ignore[arg-type]
    halo = 4 * stride
    if measure:
        probe = _probe(run)
        halo = max(measure_halo(network, probe) for network in networks)
    records = run.records
    if options.fold is not None:
        records = tuple(record for record in records if record[2] != options.fold)
    cross_validated = bool(options.folds) and options.fold is None
    card = EnsembleCard(
        role=options.role,
        network=options.network,
        network_options=options.network_options,
        in_channels=len(IMAGENET_MEAN),
        members=len(networks),
        weights=options.weights,
        activations=options.activations,
        layers=_own_schemes(networks[0], options.layers),
        pixel_size=options.pixel_size,
        source_pixel_size=run.source_pixel_size,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        halo=halo,
        stride=stride,
        instances=_instances(options.pixel_size),
        training=tuple(
            ImageRecord(name, digest, fold if cross_validated else None)
            for name, digest, fold in records
        ),
        folds=options.folds if cross_validated else 0,
        seeds=(options.seed,) * len(networks),
        version=__version__,
        date=run.started[:10],
        metrics={"training": _facts(run), "members": members},
        notes=run.terms,
    )
    return Ensemble(networks, card, device=device)


def _instances(grid: float) -> InstanceOptions:
    """Give the rules for objects of networks on a grid of so many µm."""
    options = InstanceOptions()
    return of_volumes(options, grid) if grid > LARGEST else options


def _own_schemes(network: nn.Module, chosen: Mapping[str, str]) -> dict[str, str]:
    """Name what each layer with schemes of its own has, as the options name it."""
    return {
        name: weights.name if activations is None else f"{weights.name}/{activations.name}"
        for name, (weights, activations) in exceptions_of(network, chosen).items()
    }


def _facts(run: TrainingRun) -> dict[str, Any]:
    """Give the options as they are kept in a card; of a project, with no place on a disk."""
    facts = dataclasses.asdict(run.options)
    if run.options.start is not None and run.data.is_file():
        facts["start"] = Path(run.options.start).name
    return facts


def _probe(run: TrainingRun) -> torch.Tensor:
    """Give a normalised image of ``HALO_PROBE`` pixels a side, (1, C, S, S), mirrored."""
    pixels = run.images[0].stack[: len(IMAGENET_MEAN)].float() / 255
    for axis in (1, 2):
        while pixels.shape[axis] < HALO_PROBE:
            pixels = torch.cat([pixels, pixels.flip(axis)], dim=axis)
    pixels = pixels[None, :, :HALO_PROBE, :HALO_PROBE]
    mean = torch.tensor(IMAGENET_MEAN).view(1, -1, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(1, -1, 1, 1)
    return (pixels - mean) / std
