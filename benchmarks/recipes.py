"""Options of the float phase side by side: one short run for each, on folds it never saw.

Every run trains the float member of a fold for the same iterations from the same draws and changes
one thing. Objects by the default rules, so nothing is chosen on the fold. A run that is finished
already is only evaluated.

    python benchmarks/recipes.py ../shared/data/glas RUNS --folds 2 4 --iterations 500 --seed 0 \
        --out benchmarks/results/recipes.json [--only base wide]
    python benchmarks/recipes.py ../shared/data/glas RUNS_BY_IMAGE --folds 0 1 --iterations 500 \
        --seed 0 --only wide --by-image --out benchmarks/results/recipes_by_image.json
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scored import held_out, score_images

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun

BASE = {"separator_weight": 0.5, "separator_reach": 6.0, "border_weight": 0.0}
"""What was the default before these runs, and is not since."""
WIDE = {"separator_weight": 2.0, "separator_reach": 12.0, "border_weight": 4.0}

RECIPES: dict[str, dict[str, Any]] = {
    "base": BASE,
    "enc": BASE | {"encoder_rate": 0.2},
    "sep": BASE | {"encoder_rate": 0.2, "separator_weight": 1.5},
    "ctx": BASE | {"crop": 256, "batch": 4},
    "wide": WIDE,
    "mildfast": WIDE | {"stain": 0.3, "learning_rate": 2e-3},
}


def train(folder: Path, data: Path, fold: int, options: TrainingOptions) -> TrainingRun:
    """Train the member of a fold, or open the run that has."""
    if (folder / "run.json").exists():
        run = TrainingRun.open(folder)
    else:
        run = TrainingRun.create(folder, data, options, "train")
    if run.options != options:
        raise SystemExit(
            f"{folder} is a run with other options: choose another folder for the runs."
        )
    if not run.finished(fold):
        run.train_member(fold)
    return run


def without_patients(data: Path, folder: Path) -> Path:
    """Make a folder of links to the images and labels, with no table of patients."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(data.glob("*.bmp")):
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path.resolve())
    return folder


def score(run: TrainingRun, data: Path, fold: int) -> dict[str, Any]:
    """Predict the fold's images by the member that never saw them."""
    ensemble = Ensemble.load(run.member_folder(fold) / "member.safetensors")
    found = score_images(ensemble, *held_out(run, data, fold))
    return {
        "images": found["images"],
        "pixel_dice_mean": found["pixel_dice"],
        **{name: found[name] for name in ("object_dice", "f1", "merged", "split")},
    }


def main() -> None:
    """Train and evaluate all, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="folder for the runs")
    parser.add_argument("--folds", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument(
        "--by-image", action="store_true", help="folds of images, whoever their patients are"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.by_image:
        args.data = without_patients(args.data, args.runs / "images")
    results = {}
    for name in args.only:
        options = TrainingOptions(
            folds=5,
            iterations=args.iterations,
            seed=args.seed,
            weights="float",
            activations="float",
            **RECIPES[name],
        )
        results[name] = {"changed": RECIPES[name]}
        for fold in args.folds:
            run = train(args.runs / f"{name}-{fold}", args.data, fold, options)
            results[name][f"fold {fold}"] = score(run, args.data, fold)
            print(name, fold, results[name][f"fold {fold}"], flush=True)
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "iterations": args.iterations,
        "seed": args.seed,
        "phase": "float",
        "rules": "the defaults",
        "folds": "by image" if args.by_image else "by patient",
        "recipes": results,
    }
    args.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
