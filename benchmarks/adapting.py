"""What a short training makes of a model that is adapted to new patients, at several rates.

Member m of a patient-fold ensemble never saw the patients of fold m. They are dealt into two
halves: the member goes on on the images of one half, as the workbench trains (crops, batch, shares
of the phases), and is scored on the other half, before and after; then the halves change places.
Only the factor on both learning rates differs. Objects by the default rules, so nothing is chosen
on what is scored. A cell that is finished is only reported.

    python benchmarks/adapting.py ../shared/data/glas RUNS --folds 1 3 --iterations 100 400 \
        --out benchmarks/results/adapting.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from scored import score_images

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.images import GLAS_PIXEL_SIZE, Item, open_dataset, sha256
from napari_qsa.images.folds import patient_folds
from napari_qsa.session.training_plan import BATCH, FLOAT_SHARE


def halves(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Deal the images of a fold into two halves by patient."""
    dealt = patient_folds(items, 2)
    first = [item for item in items if dealt[item.name] == 0]
    return first, [item for item in items if dealt[item.name] == 1]


def links(items: Sequence[Item], folder: Path) -> Path:
    """Make a folder of links to images and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        for path in (item.image, item.label):
            if path is not None and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path.resolve())
    return folder


def score(ensemble: Ensemble, items: Sequence[Item], members: list[int] | None) -> dict[str, Any]:
    """Score one network on images, by the default rules."""
    found = score_images(ensemble, items, GLAS_PIXEL_SIZE, members)
    return {name: found[name] for name in ("images", "object_dice", "f1", "pixel_dice")}


def adapt(args: argparse.Namespace, data: Path, folder: Path, **changes: Any) -> Path:
    """Train the member further; give the file of the network."""
    base = TrainingOptions()
    factor, fold = changes.pop("factor"), changes.pop("fold")
    options = TrainingOptions(
        start=args.ensemble,
        seed=args.seed,
        batch=BATCH,
        float_share=FLOAT_SHARE,
        learning_rate=factor * base.learning_rate,
        stage_rate=factor * base.stage_rate,
        source_pixel_size=GLAS_PIXEL_SIZE,
        **changes,
    )
    begun = (folder / "run.json").exists()
    run = TrainingRun.open(folder) if begun else TrainingRun.create(folder, data, options)
    if run.options != options:
        raise SystemExit(f"{folder} is a run with other options: choose another folder.")
    if not run.finished(fold):
        run.train_member(fold)
    return run.member_folder(fold) / "member.safetensors"


def said(numbers: Sequence[int]) -> str:
    """Give numbers as a command line does."""
    return " ".join(map(str, numbers))


def main() -> None:
    """Train and score all cells, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="folder for the runs")
    parser.add_argument("--ensemble", default="glas-segmentation")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--iterations", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--factors", type=float, nargs="+", default=[1.0, 0.3, 0.1, 0.03])
    parser.add_argument("--weights", nargs="+", default=["inq4"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    ensemble = Ensemble.load(args.ensemble)
    labelled = open_dataset(args.data).part("train").labelled()
    hashes = {item.name: sha256(item.image) for item in labelled.items}
    cells: list[dict[str, Any]] = []
    for fold, half in product(args.folds, (0, 1)):
        own = [i for i in labelled.items if ensemble.card.held_out_member(hashes[i.name]) == fold]
        sides = halves(own)
        seen, unseen = sides[half], sides[1 - half]
        data = links(seen, args.runs / f"images-{fold}-{half}")
        before = score(ensemble, unseen, [fold])
        print(f"fold {fold}, half {half}: {len(seen)} images, before {before}", flush=True)
        for weights, iterations, factor in product(args.weights, args.iterations, args.factors):
            name = f"{weights}-{iterations}-{factor:g}-{fold}-{half}"
            changes = {"weights": weights, "iterations": iterations, "factor": factor}
            if weights == "float":
                changes["activations"] = "float"
            file = adapt(args, data, args.runs / name, fold=fold, **changes)
            after = score(Ensemble.load(file), unseen, None)
            cells.append(
                {"weights": weights, "iterations": iterations, "factor": factor}
                | {"fold": fold, "half": half, "trained_on": len(seen)}
                | {"before": before, "after": after}
            )
            print(name, after, flush=True)
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python benchmarks/adapting.py "
        f"GLAS RUNS --folds {said(args.folds)} --iterations {said(args.iterations)} --out FILE",
        "data": "GlaS training part; half of a fold's patients each",
        "ensemble": args.ensemble,
        "seed": args.seed,
        "rules": "the defaults",
        "cells": cells,
    }
    args.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
