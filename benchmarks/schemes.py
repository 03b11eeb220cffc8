"""Weight schemes by activation schemes on one fold of GlaS: one float start, one schedule.

The float phase is trained once; every cell goes on from it for as many iterations, in the same
stages (those of INQ at 4 bits), with the same draws, and changes its schemes alone. ``float`` goes
on in one stage, ``float-restarts`` in all of them: what the restarts alone are worth. Objects by
the default rules, so nothing is chosen on the fold. One run folder for each cell: a run that was
stopped goes on, a finished cell is only evaluated, an evaluated one is only reported.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/schemes.py ../shared/data/glas RUNS \
        --out benchmarks/results/schemes.json

Two cells at once, in a process of one thread each. With the 300 iterations of the default, 210 of
which are the common float phase, the 24 cells take about one hour of one core. The share of integer
arithmetic is that of the multiply-adds which OpenVINO really runs in int8 (`integer_share.py`).
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scored import held_out, score_images

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.ensemble.training.schedule import phases
from napari_qsa.quantization.inq import inq_portions
from napari_qsa.session.inventory import take_inventory

WEIGHTS = ("float", "float-restarts", "inq4", "inq7", "twn", "dorefa1", "dorefa4", "q0.7")
ACTIVATIONS = ("float", "u8", "q4.4")
FLOAT_SHARE = 0.7
COLUMNS = {
    "object_dice": "object Dice",
    "f1": "F1",
    "pixel_dice": "pixel Dice",
    "kilobytes": "file, kB",
    "bits_per_weight": "bits a weight",
    "integer_share": "on integers",
}


def start_options(args: argparse.Namespace) -> TrainingOptions:
    """Give what all cells have in common; its iterations are the float phase alone."""
    return TrainingOptions(
        weights="float",
        activations="float",
        network_options={"pretrained": True} | ({"width": args.width} if args.width else {}),
        members=1,
        folds=5,
        fold=args.fold,
        bootstrap=False,
        iterations=round(FLOAT_SHARE * args.iterations),
        float_share=FLOAT_SHARE,
        batch=args.batch,
        crop=args.crop,
        seed=args.seed,
        threads=1,
    )


def cell_options(args: argparse.Namespace, weights: str, activations: str) -> TrainingOptions:
    """Give the options of a cell."""
    start = start_options(args)
    plain = weights == "float"
    options = replace(
        start,
        weights="float-restarts" if plain else weights,
        activations=activations,
        iterations=args.iterations,
        portions=(1.0,) if plain else inq_portions(4),
    )
    if phases(options)[0].stop != start.iterations:
        raise SystemExit(f"{args.iterations} iterations do not split: take a multiple of 10.")
    return options


def trained(
    folder: Path, data: Path, options: TrainingOptions, start: Path | None = None
) -> TrainingRun:
    """Train the one member of a run, or open the run that has."""
    if (folder / "run.json").exists():
        run = TrainingRun.open(folder)
    else:
        run = TrainingRun.create(folder, data, options, "train")
    if run.options != options:
        raise SystemExit(f"{folder} has other options: choose another folder for the runs.")
    if not run.finished(0):
        run.train_member(0, start_from=start)
    return run


def evaluated(run: TrainingRun, data: Path, fold: int, limit: int | None) -> dict[str, Any]:
    """Predict the images of the fold, weigh the file, and count what runs on integers."""
    path = run.member_folder(0) / "member.safetensors"
    ensemble = Ensemble.load(path, engine="torch", device="cpu")
    items, pixel_size = held_out(run, data, fold)
    found = score_images(ensemble, items[:limit], pixel_size)
    inventory = take_inventory(path)
    return {
        **{name: found[name] for name in ("images", "object_dice", "f1", "pixel_dice")},
        "bytes": inventory.bytes,
        "times_smaller_than_float32": round(inventory.ratio, 2),
        "bits_per_weight": round(inventory.bits_per_weight or 32.0, 3),
        **on_integers(ensemble),
    }


def on_integers(ensemble: Ensemble) -> dict[str, Any]:
    """Compile the network, and compare it with PyTorch on a sample that is on every machine."""
    import torch
    from integer_share import compiled, inputs, kernels, multiply_adds, rewritten, share

    network, images = ensemble.networks()[0], inputs(ensemble.card, None, 1)
    model = compiled(rewritten(network, "integers"), images[0], 1)
    counted = share(kernels(model), multiply_adds(network, images[0]))
    with torch.inference_mode():
        expected = torch.sigmoid(network(images[0]).logits)
        double = copy.deepcopy(network).double()(images[0].double()).logits
    found = torch.tensor(next(iter(model(images[0].numpy()).values())))

    def off(logits: torch.Tensor) -> float:
        return round(float((expected - torch.sigmoid(logits)).abs().mean()), 7)

    return {
        "integer_share": round(counted["on_integers"], 4),
        "difference_to_pytorch": off(found),
        "pytorch_float64_to_pytorch": off(double),
    }


def cell(args: argparse.Namespace, weights: str, activations: str) -> dict[str, Any]:
    """Train and evaluate one cell; what it took is of this call, training included or not."""
    folder = args.runs / f"{weights}_{activations}"
    kept = folder / "cell.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    begun = time.process_time()
    options = cell_options(args, weights, activations)
    run = trained(folder, args.data, options, args.runs / "start")
    result = {
        "weights": weights,
        "activations": activations,
        **evaluated(run, args.data, args.fold, args.limit),
        "processor_seconds": round(time.process_time() - begun),
    }
    kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def markdown(cells: list[dict[str, Any]]) -> str:
    """Write the cells as a table."""
    head = ["weights", "activations", *COLUMNS.values()]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in cells:
        shown = {
            **{name: f"{row[name]:.3f}" for name in ("object_dice", "f1", "pixel_dice")},
            "kilobytes": f"{row['bytes'] / 1000:.0f}",
            "bits_per_weight": f"{row['bits_per_weight']:.2f}",
            "integer_share": f"{row['integer_share']:.0%}",
        }
        values = [row["weights"], row["activations"], *(shown[name] for name in COLUMNS)]
        lines.append(f"| {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def report(args: argparse.Namespace, cells: list[dict[str, Any]]) -> None:
    """Write what there is so far: JSON, and a table beside it."""
    order = [(w, a) for w in args.weights for a in args.activations]
    cells.sort(key=lambda row: order.index((row["weights"], row["activations"])))
    options = start_options(args).to_json()
    document = {
        "command": "python benchmarks/schemes.py DATA RUNS "
        f"--fold {args.fold} --iterations {args.iterations} --batch {args.batch} "
        f"--crop {args.crop} --seed {args.seed}" + (f" --width {args.width}" * bool(args.width)),
        "date": datetime.now(UTC).date().isoformat(),
        "data": "GlaS, training part; folds by patient; scores on the fold that is left out",
        "fold": args.fold,
        "seed": args.seed,
        "float_iterations": options["iterations"],
        "iterations": args.iterations,
        "stages": list(inq_portions(4)),
        "rules": "the defaults",
        "missing": len(order) - len(cells),
        "cells": cells,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    args.out.with_suffix(".md").write_text(markdown(cells), encoding="utf-8")


def main() -> None:
    """Train the start, then all cells, and write the table as they come."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="folder for the runs, one for each cell")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=300, help="of a cell, start included")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--width", type=int, help="of the decoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", nargs="+", default=list(WEIGHTS))
    parser.add_argument("--activations", nargs="+", default=list(ACTIVATIONS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, help="images of the fold, for a trial")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    args.runs.mkdir(parents=True, exist_ok=True)
    trained(args.runs / "start", args.data, start_options(args))
    print("start: trained", flush=True)
    order = [(w, a) for w in args.weights for a in args.activations]
    cells: list[dict[str, Any]] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.workers, mp_context=context) as workers:
        futures = [workers.submit(cell, args, *pair) for pair in order]
        for future in as_completed(futures):
            cells.append(future.result())
            print(markdown(cells[-1:]).splitlines()[-1], flush=True)
            report(args, cells)
    print(markdown(cells))


if __name__ == "__main__":
    main()
