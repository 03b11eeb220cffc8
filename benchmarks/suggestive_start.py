"""Suggestive FCNs from random weights against ImageNet ones: do they disagree, and on what.

Patients of the GlaS training part are drawn up to `ANNOTATED` images; ensembles of narrow
`efficient_fcn` are trained on bootstraps of these, in float, and rank the images of all other
patients, which none of them saw. Two seeds for each start: that two seeds of one start agree so
much is what the agreement of two starts has to be read against. Maps are compared on the networks'
grid, half of GlaS's resolution.

Reported for each ensemble: mean over the images of the standard deviation of the members, pixel
Dice of their mean, and whether the uncertainty finds the wrong pixels (AUROC). For each pair:
Spearman's rho of the images' uncertainties, and how many of the 16 candidates and of the 8 picks of
suggestive annotation they share.

An ensemble that is trained or has predicted is not trained or asked again.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/suggestive_start.py ../shared/data/glas RUNS \
        --out benchmarks/results/suggestive_start.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.assembly import put_together
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.ensemble.training.samples import load_training_images
from napari_qsa.evaluation.uncertainty import ErrorRanking
from napari_qsa.images import GLAS_PIXEL_SIZE, Item, open_dataset
from napari_qsa.images.listing import encode_listing
from napari_qsa.metrics import pixel_dice, spearman
from napari_qsa.suggestion import rank

ANNOTATED = 16
STARTS = {"random": False, "imagenet": True}
SEEDS = (0, 1)
WIDTH, BATCH, CROP = 8, 4, 96
CANDIDATES, PICKS = 16, 8


def annotated_images(items: list[Item], seed: int) -> list[str]:
    """Draw patients, and leave out those that would make the images too many; give their names."""
    patients = sorted({item.patient or item.name for item in items})
    chosen: list[str] = []
    for patient in np.random.default_rng(seed).permutation(patients).tolist():
        theirs = [item.name for item in items if (item.patient or item.name) == patient]
        if len(chosen) + len(theirs) <= ANNOTATED:
            chosen += theirs
    return chosen


def train(folder: Path, listing: Path, options: TrainingOptions) -> None:
    """Train the members that are not trained yet."""
    if (folder / "run.json").exists():
        run = TrainingRun.open(folder)
    else:
        run = TrainingRun.create(folder, listing, options)
    if run.options != options:
        raise SystemExit(f"{folder} is a run with other options: choose another folder.")
    for member in run.pending():
        run.train_member(member)


def predict(folder: Path, data: Path, chosen: list[str]) -> None:
    """Predict every image by all members, and keep what is compared."""
    path = folder / "found.npz"
    if path.exists():
        return
    torch.set_num_threads(1)
    run = TrainingRun.open(folder)
    members = range(run.options.members)
    files = [run.member_folder(member) / "member.safetensors" for member in members]
    networks = [Ensemble.load(file, device="cpu").networks()[0] for file in files]
    ensemble = put_together(run, networks, list(members), "cpu")  # no image needs tiles
    dataset = open_dataset(data).part("train")
    descriptors, uncertainties, dices = [], [], []
    ranking: ErrorRanking | None = None
    for image in load_training_images(dataset, run.options):
        pixels = image.stack[:3].permute(1, 2, 0).numpy()
        truth = image.stack[3].numpy() >= 128
        found = ensemble.predict(pixels, pixel_size=run.options.pixel_size)
        descriptors.append(found.descriptor)
        uncertainties.append(found.image_uncertainty)
        if image.name in chosen:
            continue
        dices.append(pixel_dice(found.probability >= 0.5, truth))
        errors = ErrorRanking.of(found.uncertainty, found.probability, truth)
        ranking = errors if ranking is None else ranking + errors
    assert ranking is not None
    np.savez(
        path,
        descriptors=np.array(descriptors),
        uncertainties=np.array(uncertainties),
        dice=np.mean(dices),
        auroc=ranking.auroc,
    )


def work(folder: Path, listing: Path, options: TrainingOptions, data: Path) -> None:
    """Train and predict, in a process of its own."""
    chosen = [item.name for item in open_dataset(listing).items]
    train(folder, listing, options)
    predict(folder, data, chosen)


def shared(first: NDArray[Any], second: NDArray[Any]) -> int:
    """Count what two selections have in common."""
    return len(set(first.tolist()) & set(second.tolist()))


def kind_of(one: str, other: str) -> str:
    """Say what two ensembles have in common; those of one seed have the same bootstraps."""
    (start, seed), (other_start, other_seed) = (name.split("-") for name in (one, other))
    if start == other_start:
        return "same start, other seed"
    return f"other start, {'same' if seed == other_seed else 'other'} seed"


def compare(found: dict[str, Any], annotated: NDArray[np.bool_]) -> dict[str, Any]:
    """Compare every two ensembles."""
    rankings = {
        name: rank(each["descriptors"], each["uncertainties"], annotated, PICKS, CANDIDATES)
        for name, each in found.items()
    }
    pairs: dict[str, Any] = {}
    for one, other in itertools.combinations(found, 2):
        first, second = rankings[one], rankings[other]
        kind = kind_of(one, other)
        rho = spearman(*(found[name]["uncertainties"][~annotated] for name in (one, other)))
        pairs[f"{one} / {other}"] = {
            "kind": kind,
            "spearman_of_image_uncertainty": round(rho, 4),
            "shared_candidates": shared(first.candidates, second.candidates),
            "shared_picks": shared(first.picks, second.picks),
        }
    return pairs


def main() -> None:
    """Train what is missing, compare, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="folder for the runs")
    parser.add_argument("--iterations", type=int, default=240)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    items = list(open_dataset(args.data).part("train").items)
    chosen = annotated_images(items, seed=0)
    listing = args.runs / "annotated.json"
    listing.write_bytes(
        encode_listing([item for item in items if item.name in chosen], args.runs, args.runs)
    )
    spawn = multiprocessing.get_context("spawn")
    folders = {}
    with ProcessPoolExecutor(args.workers, mp_context=spawn, max_tasks_per_child=1) as workers:
        jobs = []
        for seed, (start, pretrained) in itertools.product(SEEDS, STARTS.items()):
            folder = folders[f"{start}-{seed}"] = args.runs / f"{start}-{seed}"
            options = TrainingOptions(
                role="suggestive",
                network="efficient_fcn",
                network_options={"width": WIDTH, "pretrained": pretrained},
                weights="float",
                activations="float",
                members=args.members,
                iterations=args.iterations,
                seed=seed,
                batch=BATCH,
                crop=CROP,
                separator_weight=1.0,
                separator_reach=10.0,
                border_weight=4.0,
                source_pixel_size=GLAS_PIXEL_SIZE,
            )
            jobs.append(workers.submit(work, folder, listing, options, args.data))
        for job in jobs:
            job.result()
    found = {name: dict(np.load(folder / "found.npz")) for name, folder in folders.items()}
    annotated = np.array([item.name in chosen for item in items])
    others = int((~annotated).sum())
    pairs = compare(found, annotated)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "data": "GlaS, training part; patients of the annotated images drawn with seed 0",
        "command": f"benchmarks/suggestive_start.py GLAS RUNS --iterations {args.iterations} "
        f"--members {args.members}",
        "network": "efficient_fcn",
        "width": WIDTH,
        "batch": BATCH,
        "crop": CROP,
        "iterations": args.iterations,
        "members": args.members,
        "annotated": int(annotated.sum()),
        "ranked": others,
        "shared_by_chance": {
            "candidates": round(CANDIDATES**2 / others, 2),
            "picks": round(PICKS**2 / others, 2),
        },
        "ensembles": {
            name: {
                "mean_uncertainty": round(float(each["uncertainties"][~annotated].mean()), 5),
                "pixel_dice_mean": round(float(each["dice"]), 4),
                "auroc_of_uncertainty_for_wrong_pixels": round(float(each["auroc"]), 4),
            }
            for name, each in found.items()
        },
        "pairs": pairs,
        "mean_of_pairs": {
            kind: {
                key: round(float(np.mean([p[key] for p in pairs.values() if p["kind"] == kind])), 3)
                for key in ("spearman_of_image_uncertainty", "shared_candidates", "shared_picks")
            }
            for kind in sorted({pair["kind"] for pair in pairs.values()})
        },
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
