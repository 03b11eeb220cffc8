"""The fixed-point paper on its EM data: Dice of the cells, loss against float, real bytes.

AskariHemmat et al. 2019 (arXiv 1908.01073) on the ISBI 2012 stack. Slices 0 to 13 train, 14 to 19
validate: neighbouring slices are alike, so a random split would leak. Their block order (network
`unet_fixed_point`), first block and last convolution in float, Adam of 1e-3, no dropout; narrower,
for fewer iterations and with smaller crops than theirs. Validated in evaluation mode.

Activations are the saturating ones in every row; `qpaper0.4` has the weights as published. Every
scheme starts from the same float phase and has the same stages; `float` is `float-restarts`,
the same schedule with nothing quantized, so that a loss is that of the quantization. Scores are of
the network as it lies in the ensemble file, whose size is the memory.

The folder is read as images with semantic labels (255 cell, 0 membrane). What is finished in RUNS
is not trained again.

    python benchmarks/fixed_point_em.py ../shared/data/em RUNS \
        --out benchmarks/results/fixed_point_em.json [--seeds 1]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_qsa import __version__
from napari_qsa.ensemble.card import EnsembleCard, TrainingImage
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage as Sample
from napari_qsa.ensemble.training.samples import load_training_images
from napari_qsa.ensemble.training.schedule import phases
from napari_qsa.evaluation.results import PixelCounts
from napari_qsa.images import Dataset, Item, open_dataset

LAST_TRAINED = 13


class Row(NamedTuple):
    """A line of the table: schemes of weights and activations, and the paper's Dice."""

    name: str
    weights: str
    activations: str
    paper: float | None
    formula: str = ""


ROWS = (
    Row("float", "float-restarts", "float", 94.05),
    Row("Q8.8 / Q0.8", "q0.8", "q8.8", 92.02, "saturating"),
    Row("Q6.0 / Q0.4", "q0.4", "q6.0", 91.84, "saturating"),
    Row("Q6.0 / Q0.4", "qpaper0.4", "q6.0", 91.84, "weights as published"),
    Row("Q4.0 / Q0.2", "q0.2", "q4.0", None, "saturating"),
    Row("binary", "dorefa1", "binary", 78.53),
    Row("ternary", "twn", "ternary", 82.66),
)
"""Named as in the paper: activations / weights. Its Dice in per cent, of EM."""

PAPER = {
    "source": "AskariHemmat et al. 2019, arXiv 1908.01073, EM; figures recalled, not read again",
    "network": "U-Net 64-128-256-256, 200 epochs, 200 x 200 crops",
}


def split(dataset: Dataset) -> tuple[list[Item], list[Item]]:
    """Divide by the number of the slice, which is the name of its file."""
    items = sorted(dataset.labelled().items, key=lambda item: int(item.name))
    return (
        [item for item in items if int(item.name) <= LAST_TRAINED],
        [item for item in items if int(item.name) > LAST_TRAINED],
    )


def training_options(row: Row, seed: int, args: argparse.Namespace) -> TrainingOptions:
    """Give the options of one scheme: all alike but for the scheme."""
    return TrainingOptions(
        network=args.network,
        network_options={"width": args.width},
        weights=row.weights,
        activations=row.activations,
        layers={"paper": "float/float"} if args.network == "unet_fixed_point" else {},
        members=1,
        iterations=args.iterations,
        seed=seed,
        batch=args.batch,
        crop=args.crop,
        learning_rate=1e-3,
        stage_rate=1e-3,
        separator_weight=0.0,
        weight_decay=0.0,
        pixel_size=1.0,
        source_pixel_size=1.0,
        stain=0.0,
        float_share=0.6,
        bootstrap=False,
    )


def normalisation(samples: Sequence[Sample]) -> tuple[tuple[float], tuple[float]]:
    """Give mean and standard deviation of the training slices, in 0 to 1."""
    pixels = np.concatenate([sample.stack[0].numpy().ravel() for sample in samples]) / 255
    return (round(float(pixels.mean()), 4),), (round(float(pixels.std()), 4),)


def train(
    folder: Path, row: Row, samples: Sequence[Sample], options: TrainingOptions, start: Path | None
) -> Path:
    """Train the network of a scheme and write its file; `start` has the float phase."""
    path = folder / "network.safetensors"
    if path.exists():
        return path
    mean, std = normalisation(samples)
    trainer = MemberTrainer(
        samples,
        options,
        0,
        folder,
        (mean, std),
        lambda event: (
            print(row.weights, event["iteration"], event.get("loss"), flush=True)
            if event["event"] == "progress" and event["iteration"] % 100 == 0
            else None
        ),
        start_from=start,
    )
    network = trainer.run()
    card = EnsembleCard(
        role="segmentation",
        network=options.network,
        network_options=options.network_options,
        in_channels=1,
        members=1,
        weights=options.weights,
        activations=options.activations,
        layers=options.layers,
        pixel_size=1.0,
        source_pixel_size=1.0,
        mean=mean,
        std=std,
        halo=64,
        stride=int(network.stride),  # type: ignore[arg-type]
        training=tuple(TrainingImage(sample.name, sample.sha256) for sample in samples),
        seeds=(options.seed,),
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
    )
    Ensemble([network], card, device="cpu").save(path)
    return path


def score(path: Path, items: Sequence[Item]) -> dict[str, Any]:
    """Predict slices with the network in a file: pooled Dice of the cells, and of each slice."""
    ensemble = Ensemble.load(path, device="cpu")
    counts = []
    for item in items:
        found = ensemble.predict_members(item.read(), pixel_size=1.0)[0]
        counts.append(PixelCounts.of(found >= 0.5, item.read_labels()))
    total = sum(counts, PixelCounts())
    return {
        "dice": round(100 * total.dice, 2),
        "slices": [round(100 * count.dice, 2) for count in counts],
        "all_cell": round(100 * 2 * total.truth / (_pixels(items) + total.truth), 2),
    }


def _pixels(items: Sequence[Item]) -> int:
    return sum(int(np.prod(item.read().pixels.shape[:2])) for item in items)


def table(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the seeds of a scheme together: mean Dice, its loss against float, bytes and ratio."""
    rows = []
    floats = {each["seed"]: each for each in results if each["weights"] == "float-restarts"}
    for row in ROWS:
        own = [each for each in results if each["weights"] == row.weights]
        if not own:
            continue
        control = [floats[each["seed"]] for each in own]
        dice = np.array([each["dice"] for each in own])
        size = float(np.mean([each["bytes"] for each in own]))
        whole = float(np.mean([each["bytes"] for each in control]))
        rows.append(
            {
                "name": row.name,
                "formula": row.formula,
                "weights": row.weights,
                "activations": row.activations,
                "dice": round(float(dice.mean()), 2),
                "loss": round(float(np.mean([each["dice"] for each in control]) - dice.mean()), 2),
                "seeds": len(own),
                "bytes": round(size),
                "smaller": round(whole / size, 2),
                "paper_dice": row.paper,
                "paper_loss": None if row.paper is None else round(94.05 - row.paper, 2),
            }
        )
    return rows


def main() -> None:
    """Train and validate all schemes, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="folder for the runs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--network", default="unet_fixed_point")
    parser.add_argument("--width", type=int, default=12)
    parser.add_argument("--iterations", type=int, default=1600)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=128)
    args = parser.parse_args()
    trained, validated = split(open_dataset(args.data))
    options = training_options(ROWS[0], 0, args)
    samples = load_training_images(Dataset(args.data, tuple(trained), 1.0), options, in_channels=1)
    results = []
    for seed in range(args.seeds):
        start: Path | None = None
        for row in ROWS:
            folder = args.runs / f"seed-{seed}" / row.weights
            path = train(folder, row, samples, training_options(row, seed, args), start)
            start = start or folder
            found = {"seed": seed, "weights": row.weights, "bytes": path.stat().st_size}
            results.append(found | score(path, validated))
            print(results[-1], flush=True)
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "data": "ISBI 2012 EM: slices 0 to 13 train, 14 to 19 validate",
        "class": "cell (255); Dice in per cent, pooled over the slices, and of each",
        "options": training_options(ROWS[0], 0, args).to_json(),
        "phases": [(phase.name, phase.start, phase.stop) for phase in phases(options)],
        "paper": PAPER,
        "table": table(results),
        "results": results,
    }
    args.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
