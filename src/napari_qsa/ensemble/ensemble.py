"""The public class: an ensemble of frozen, quantized networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import EnsembleCard, read_card
from napari_qsa.ensemble.engines import OutOfMemory, create_engine
from napari_qsa.ensemble.file import read_states, write_states
from napari_qsa.ensemble.instances import find_instances
from napari_qsa.ensemble.members import member, settle, skeleton, specs, states_of
from napari_qsa.ensemble.prediction import Prediction, Progress
from napari_qsa.ensemble.receptive_field import measure_halo
from napari_qsa.ensemble.resampling import RowResampler
from napari_qsa.ensemble.scale import options_at
from napari_qsa.ensemble.source import Source, prepare_source
from napari_qsa.ensemble.sweep import Sweep
from napari_qsa.ensemble.tiles import MAX_SIDE, smaller_side
from napari_qsa.errors import EngineError, EnsembleFileError, QsaError
from napari_qsa.images import Image
from napari_qsa.metrics.member_scores import MemberScoreSums

if TYPE_CHECKING:
    from napari_qsa.ensemble.training.options import TrainingOptions

__all__ = ["Ensemble", "measure_halo"]

Array = NDArray[np.float32]
Result = TypeVar("Result")


class Ensemble:
    """Several FCNs whose mean segments and whose spread says where they are unsure.

    Parameters
    ----------
    networks
        One per member, frozen (`napari_qsa.quantization.freeze`); they are put in evaluation mode
        and belong to the ensemble from then on.
    card
        What is known about them.
    engine, device
        See `napari_qsa.ensemble.engines.create_engine`.

    Attributes
    ----------
    card
        What is known about the ensemble.
    max_side
        Limit of a tile's side on the networks' grid, halo included; smaller after the device ran
        out of memory.

    Raises
    ------
    QsaError
        If the card does not fit the networks.
    EngineError
        If the engine or the device does not exist here.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        card: EnsembleCard,
        engine: str = "auto",
        device: str = "auto",
    ) -> None:
        if len(networks) != card.members:
            raise QsaError(f"The card says {card.members} members, not {len(networks)}.")
        self.card = card
        self.max_side = MAX_SIDE
        self._networks = settle(networks)
        self._engine = create_engine(self._networks, engine, device)

    @classmethod
    def load(cls, name_or_path: str | Path, engine: str = "auto", device: str = "auto") -> Ensemble:
        """Load an ensemble by its shipped name or from its file.

        Parameters
        ----------
        name_or_path
            Such as ``glas-segmentation``, or the path of an ensemble file.
        engine, device
            See `napari_qsa.ensemble.engines.create_engine`.

        Raises
        ------
        EnsembleFileError
            If there is none, or the file is damaged or of another version.
        EngineError
            If the engine or the device does not exist here.
        """
        path = shipped.resolve(name_or_path)
        card = read_card(path)
        try:
            template = specs(skeleton(card))
            networks = [member(card, state) for state in read_states(path, template, card)]
        except ValueError as error:
            raise EnsembleFileError(
                f"The ensemble file {path} cannot be used: {error}; fetch or train it again."
            ) from error
        return cls(networks, card, engine, device)

    @classmethod
    def train(
        cls,
        data: str | Path,
        options: TrainingOptions | None = None,
        folder: str | Path | None = None,
        part: str = "all",
        resume: bool = False,
        report: Callable[[dict[str, Any]], None] | None = None,
        device: str = "auto",
    ) -> Ensemble:
        """Train an ensemble on labelled images, one member after another, in this process.

        ``napari-qsa train`` trains the members side by side, with the same result.

        Parameters
        ----------
        data
            Folder of images and labels.
        options
            The defaults if None.
        folder
            Of the run: events, checkpoints and finished members. A temporary one if None.
        part
            Of the data set: ``train``, ``testA``, ``testB`` or ``all``.
        resume
            Go on with the run in `folder`, whose options then hold.
        report
            Called with each event; may raise to stop, the checkpoint stays.
        device
            See `napari_qsa.ensemble.engines.create_engine`.

        Raises
        ------
        TrainingError
            If the run cannot start, or what is in `folder` cannot be resumed.
        DatasetError, ImageError
            If the images cannot be used.
        """
        from napari_qsa.ensemble.training.in_process import train_in_process

        return train_in_process(data, options, folder, part, resume, report, device)

    def save(self, path: str | Path) -> None:
        """Write the ensemble file; an earlier file is replaced only by a complete one.

        Raises
        ------
        EnsembleFileError
            If it cannot be written.
        """
        write_states(path, self.card, states_of(self._networks))

    def networks(self) -> list[nn.Module]:
        """Give the members: evaluation mode, quantized, normalised ``(N, C, H, W) float32`` in.

        ``network(x).logits`` is ``(N, 2, H, W)``: gland and separator, before the sigmoid.
        """
        return list(self._networks)

    @property
    def engine(self) -> str:
        """Name of the engine in use."""
        return self._engine.name

    @property
    def device(self) -> str:
        """Name of the device in use."""
        return self._engine.device

    def predict(
        self,
        image: Image | NDArray[Any],
        pixel_size: float | None = None,
        tta: bool = False,
        progress: Progress | None = None,
        members: Sequence[int] | None = None,
    ) -> Prediction:
        """Segment one image, and say where the members disagree.

        Parameters
        ----------
        image
            ``(H, W)`` or ``(H, W, 3)``, uint8, uint16 or floating in 0 to 1, or an `Image`.
        pixel_size
            In µm. If None the image's own; if that is unknown, the training images' one, and a
            note says so.
        tta
            Average each member over the 8 flips and quarter turns of the image first.
        progress
            Called with tiles done and tiles in all; may raise `Cancelled`.
        members
            Use only these members; all if None.

        Returns
        -------
        prediction
            Everything on the image's own grid.

        Raises
        ------
        ImageError
            If the image cannot be used.
        EngineError
            If the device failed, or does not hold even the smallest tile.
        """
        chosen = self._chosen(members)
        source = prepare_source(image, self.card, pixel_size)
        return self._with_smaller_tiles(lambda: self._predict(source, chosen, tta, progress))

    def predict_members(
        self,
        image: Image | NDArray[Any],
        pixel_size: float | None = None,
        tta: bool = False,
        progress: Progress | None = None,
        members: Sequence[int] | None = None,
    ) -> Array:
        """Give the probability map of every member, ``(M, H, W) float32``; as `predict`."""
        chosen = self._chosen(members)
        source = prepare_source(image, self.card, pixel_size)

        def collect() -> Array:
            maps = np.empty((len(chosen), *source.shape), dtype=np.float32)
            sweep = self._sweep(source, chosen, tta, progress)
            resampler = RowResampler(source.grid.shape[:2], source.shape)
            for band in sweep:
                for start, chunk in resampler.push(band[:-1]):
                    maps[:, start : start + chunk.shape[1]] = chunk
            return maps

        return self._with_smaller_tiles(collect)

    def _predict(
        self, source: Source, members: Sequence[int], tta: bool, progress: Progress | None
    ) -> Prediction:
        probability, uncertainty, separator = (
            np.empty(source.shape, dtype=np.float32) for _ in range(3)
        )
        sweep = self._sweep(source, members, tta, progress)
        resampler = RowResampler(source.grid.shape[:2], source.shape)
        scores = MemberScoreSums()
        for band in sweep:
            for start, chunk in resampler.push(band):
                rows = slice(start, start + chunk.shape[1])
                probability[rows] = chunk[:-1].mean(axis=0)
                uncertainty[rows] = chunk[:-1].std(axis=0)
                separator[rows] = chunk[-1]
                scores.add(chunk[:-1])
        if not np.isfinite(probability).all():
            raise EngineError(
                f"The ensemble gave values that are not finite on {self.device}; "
                "load it again with device='cpu', or fetch or train it again."
            )
        descriptor = sweep.descriptor
        assert descriptor is not None
        options = options_at(self.card, source.pixel_size)
        found = find_instances(probability, separator, source.pixel_size, options, uncertainty)
        notes = list(source.notes)
        if found.faint:
            notes.append(
                f"Objects left out because no member is sure of them: {found.faint} (confidence "
                f"below {options.min_confidence:g})."
            )
        return Prediction(
            probability,
            uncertainty,
            separator,
            found.labels,
            descriptor,
            source.pixel_size,
            tuple(notes),
            found.faint,
            scores.result(),
            sweep.embedding,
        )

    def _sweep(
        self, source: Source, members: Sequence[int], tta: bool, progress: Progress | None
    ) -> Sweep:
        return Sweep(source.grid, self.card, self._engine, members, self.max_side, tta, progress)

    def _chosen(self, members: Sequence[int] | None) -> list[int]:
        chosen = list(range(self.card.members) if members is None else members)
        if not chosen or not all(0 <= index < self.card.members for index in chosen):
            raise QsaError(
                f"Members {chosen} were asked for; there are 0 to {self.card.members - 1}."
            )
        return chosen

    def _with_smaller_tiles(self, work: Callable[[], Result]) -> Result:
        """Begin again with tiles of half the core as long as memory does not suffice."""
        while True:
            try:
                return work()
            except OutOfMemory as error:
                smaller = smaller_side(self.max_side, self.card.stride, self.card.halo)
                if smaller >= self.max_side:
                    raise EngineError(
                        f"The memory of {self.device} does not hold even a tile of "
                        f"{self.max_side} pixels a side: close other programs, "
                        "or choose device='cpu'."
                    ) from error
                self.max_side = smaller
