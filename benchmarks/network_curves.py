"""Every network on one fold of GlaS: loss and validation Dice while it trains, and a picture.

Each is trained through the whole schedule (float with EMA, activations of 8 bits, INQ of 4 bits) on
all images but those of a fold, at half of GlaS's resolution, narrow enough for a CPU: `SETTINGS`.
Crops, draws and schedule are the same for all but the rate; they have the same number of
iterations, not the same cost. The curve of the Dice is over 12 of the fold's images (pixels of
glands, in the float phase of the EMA), the final figures over all of them, objects by the default
rules: nothing is chosen on the fold. Losses hold those of the side outputs, so that they compare
within a network only.

Two networks train at once in processes of one thread. A run that was interrupted goes on, one that
is finished is only scored. The pictures show a drawn image and scikit-image's
immunohistochemistry sample, never GlaS.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/network_curves.py ../shared/data/glas RUNS \
        --iterations 1500 --fold 0 --out benchmarks/results/network_curves.json
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import re
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scored import held_out, score_images

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.ensemble.training.events import read_events
from napari_qsa.ensemble.training.monitor import Watch
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.images import immunohistochemistry
from napari_qsa.images.listing import encode_listing
from napari_qsa.images.synthetic import synthetic_glas
from napari_qsa.networks import build_network

SETTINGS: dict[str, tuple[dict[str, Any], float]] = {
    "suggestive_fcn": ({"width": 6}, 5e-3),
    "unet_fixed_point": ({"width": 12}, 5e-3),
    "dcan": ({"width": 20}, 1e-3),
    "multichannel": ({"width": 14}, 3e-3),
    "unet": ({"width": 10}, 3e-3),
    "efficient_fcn": ({"width": 8, "pretrained": True}, 1e-3),
}
"""Options of each network (published widths are 64), and the peak of its learning rate.

Narrow networks need higher rates than wide ones. But for the last, whose rate is the default, 1e-3
and 3e-3 or 5e-3 were tried for 70 iterations, and judged by the training loss alone.
"""

FOLDS = 5
BATCH, CROP = 4, 128
LOSSES, SCORES = 150, 15
PIXEL_SIZE = 0.62


def options_of(name: str, iterations: int, seed: int) -> TrainingOptions:
    """Say how a network is trained."""
    network_options, rate = SETTINGS[name]
    return TrainingOptions(
        network=name,
        network_options=network_options,
        learning_rate=rate,
        weights="inq4",
        activations="u8",
        members=FOLDS,
        folds=FOLDS,
        iterations=iterations,
        seed=seed,
        batch=BATCH,
        crop=CROP,
        separator_weight=1.0,
        separator_reach=10.0,
        border_weight=4.0,
        threads=1,
    )


def train(folder: Path, data: Path, fold: int, options: TrainingOptions) -> str:
    """Train and score the member that leaves a fold out; give the network's name."""
    if (folder / "run.json").exists():
        run = TrainingRun.open(folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        # An empty list: the member is watched on the images that it does not train on.
        (folder / "watched.json").write_bytes(encode_listing([], folder, folder))
        watch = Watch("watched.json", LOSSES, SCORES)
        run = TrainingRun.create(folder, data, options, "train", watch)
    if run.options != options:
        raise SystemExit(f"{folder} is a run with other options: choose another folder.")
    if not run.finished(fold):
        before = time.process_time()
        run.train_member(fold)
        with (folder / "processor_seconds").open("a") as file:
            file.write(f"{time.process_time() - before:.1f}\n")
    torch.set_num_threads(1)
    score(run, data, fold)
    return options.network


def curves(folder: Path, fold: int) -> dict[str, Any]:
    """Give the points of both curves: [iteration, value]; and where the float phase ends."""
    events = [event for event in read_events(folder) if event["member"] == fold]
    losses = {e["iteration"]: e["loss"] for e in events if e["event"] == "progress"}
    dices = {e["iteration"]: e["dice"] for e in events if e["event"] == "validation"}
    paces = [e["seconds_per_iteration"] for e in events if e["event"] == "progress"]
    return {
        "loss": sorted(losses.items()),
        "dice": sorted(dices.items()),
        "median_seconds_per_iteration": round(float(np.median(paces)), 3),
    }


def score(run: TrainingRun, data: Path, fold: int) -> dict[str, Any]:
    """Predict all images of the fold by the member that never saw them; kept in the run."""
    path = run.folder / f"scores_{fold}.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    ensemble = Ensemble.load(member_file(run, fold), device="cpu")
    found = score_images(ensemble, *held_out(run, data, fold))
    result = {
        "images": found["images"],
        "pixel_dice_mean": found["pixel_dice"],
        **{name: found[name] for name in ("object_dice", "f1", "merged", "split")},
    }
    path.write_text(json.dumps(result), encoding="utf-8")
    return result


def member_file(run: TrainingRun, fold: int) -> Path:
    """Find the ensemble of the one member."""
    return run.member_folder(fold) / "member.safetensors"


def processor_minutes(folder: Path) -> float | None:
    """Add up the processor time of all attempts; None where an attempt did not end."""
    path = folder / "processor_seconds"
    resumed = any(event["event"] == "resumed" for event in read_events(folder))
    if resumed or not path.exists():
        return None
    return round(sum(map(float, path.read_text().split())) / 60, 2)


def result_of(folder: Path, data: Path, fold: int) -> dict[str, Any]:
    """Gather all that is reported of a finished run."""
    run = TrainingRun.open(folder)
    network = build_network(
        run.options.network,
        **{k: v for k, v in run.options.network_options.items() if k != "pretrained"},
    )
    return {
        "options": run.options.network_options,
        "training": run.options.to_json(),
        "parameters": sum(value.numel() for value in network.parameters()),
        "bytes": member_file(run, fold).stat().st_size,
        "float_phase_ends": run.plan[0].stop,
        "processor_minutes": processor_minutes(folder),
        "held_out": score(run, data, fold),
        **curves(folder, fold),
    }


def draw_curves(path: Path, networks: dict[str, Any]) -> None:
    """Draw the loss (left axis) and the Dice (right axis) of every network."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(3, len(networks))
    rows = -(-len(networks) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.9 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(networks) :]:
        panel.set_axis_off()
    for panel, (name, found) in zip(panels, networks.items(), strict=False):
        panel.plot(*np.array(found["loss"]).T, color="tab:gray", linewidth=1)
        panel.axvline(found["float_phase_ends"], color="k", linestyle=":", linewidth=1)
        panel.set(title=f"{name}, width {found['options']['width']}", xlabel="iteration")
        panel.set_ylabel("training loss", color="tab:gray")
        panel.set_ylim(bottom=0)
        dice = panel.twinx()
        dice.plot(*np.array(found["dice"]).T, color="tab:blue", marker="o", markersize=3)
        dice.set_ylim(0, 1)
        dice.set_ylabel("validation Dice", color="tab:blue")
    save(figure, path, 90)


def save(figure: Any, path: Path, dpi: int) -> None:
    """Write a picture in 256 colours, a third of the bytes."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    whole = io.BytesIO()
    figure.savefig(whole, dpi=dpi)
    Image.open(whole).convert("RGB").quantize(256).save(path, optimize=True)


def samples() -> dict[str, NDArray[np.uint8]]:
    """Give the images that may be shown, (H, W, 3) uint8 at 0.62 µm."""
    drawn, _, _ = next(synthetic_glas(1, 3, (384, 512)))
    return {"drawn": drawn, "immunohistochemistry": np.asarray(immunohistochemistry().pixels)}


def draw_overlays(path: Path, runs: dict[str, TrainingRun], fold: int) -> None:
    """Draw what every network finds in the samples: outlines of objects, and the separator."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    images = samples()
    figure = Figure(figsize=(2.6 * len(runs), 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(images), len(runs), squeeze=False)
    for column, (name, run) in enumerate(runs.items()):
        ensemble = Ensemble.load(member_file(run, fold), device="cpu")
        for row, pixels in enumerate(images.values()):
            found = ensemble.predict(pixels, pixel_size=PIXEL_SIZE)
            _overlay(panels[row, column], pixels, found)
        panels[0, column].set_title(name, fontsize=9)
    save(figure, path, 80)


def _overlay(panel: Any, pixels: NDArray[np.uint8], found: Prediction) -> None:
    panel.imshow(pixels)
    if found.probability.max() >= 0.5:
        panel.contour(found.probability, [0.5], colors="cyan", linewidths=0.8)
    if found.separator.max() >= 0.5:
        panel.contour(found.separator, [0.5], colors="yellow", linewidths=0.8)
    panel.set_axis_off()


def main() -> None:
    """Train, score and draw; what is finished is written each time a network is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="folder for the runs")
    parser.add_argument("--networks", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--fold", type=int, default=0, choices=range(FOLDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    folders = {name: args.runs / name for name in args.networks}
    found: dict[str, Any] = {}

    def write() -> None:
        document = {
            "date": datetime.now(UTC).date().isoformat(),
            "data": "GlaS, training part, patient folds of seed 0",
            "command": f"benchmarks/network_curves.py GLAS RUNS --iterations {args.iterations} "
            f"--fold {args.fold} --seed {args.seed}",
            "fold": args.fold,
            "seed": args.seed,
            "iterations": args.iterations,
            "networks": {name: found[name] for name in folders if name in found},
        }
        args.out.parent.mkdir(parents=True, exist_ok=True)
        points = re.compile(r"\[\s+([^][{}]*?)\s+\]")  # a pair of numbers takes one line
        text = points.sub(lambda m: f"[{' '.join(m[1].split())}]", json.dumps(document, indent=1))
        args.out.write_text(text + "\n", encoding="utf-8")

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.workers, mp_context=spawn, max_tasks_per_child=1) as workers:
        jobs = [
            workers.submit(
                train,
                folder,
                args.data,
                args.fold,
                options_of(name, args.iterations, args.seed),
            )
            for name, folder in folders.items()
        ]
        for job in as_completed(jobs):
            name = job.result()
            found[name] = result_of(folders[name], args.data, args.fold)
            print(name, found[name]["held_out"], flush=True)
            write()
    in_order = {name: found[name] for name in folders}
    draw_curves(args.pictures / "network-curves.png", in_order)
    runs = {name: TrainingRun.open(folder) for name, folder in folders.items()}
    draw_overlays(args.pictures / "network-overlays.png", runs, args.fold)


if __name__ == "__main__":
    main()
