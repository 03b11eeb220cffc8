"""Out-of-fold validation of a cross-validated ensemble on the GlaS training part.

Each image is predicted by the one member that never saw its patient. The rules that turn maps into
objects are cross-fitted: those of a fold are chosen on the out-of-fold maps of the other folds, so
that nothing is selected on what is reported. The search looks at every second pixel of the image,
the network's own grid (options are in µm); what is reported is at full size. The options written
into the ensemble file are chosen on all out-of-fold maps and are not what the table reports.

    python benchmarks/out_of_fold.py ../shared/data/glas ENSEMBLE \
        --out benchmarks/results/out_of_fold.json [--tta] [--write-options]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.instances import InstanceOptions, instances
from napari_qsa.evaluation.instance_options import choose_instance_options, cross_fit
from napari_qsa.images import open_dataset, read_image, read_labels, sha256
from napari_qsa.metrics import ObjectScore, image_mean, pixel_dice, pool, score_objects

STEP = 2


def summary(scores: list[ObjectScore], pixels: list[float]) -> dict[str, Any]:
    """Pooled scores and means over the images, both named."""
    pooled, mean = pool(scores), image_mean(scores)
    names = ("f1", "object_dice", "object_hausdorff")
    return {
        "images": len(scores),
        "pooled": {name: round(float(getattr(pooled, name)), 4) for name in names},
        "mean_per_image": {name: round(float(getattr(mean, name)), 4) for name in names},
        "pixel_dice_mean": round(float(np.mean(pixels)), 4),
        "merged": pooled.merged,
        "split": pooled.split,
    }


def main() -> None:
    """Run the validation and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--write-options", action="store_true")
    parser.add_argument(
        "--defaults", action="store_true", help="choose nothing: the default rules for all folds"
    )
    parser.add_argument("--maps", type=Path, help="keep the maps here, for a second look")
    args = parser.parse_args()

    ensemble = Ensemble.load(args.ensemble)
    dataset = open_dataset(args.data).part("train")
    maps, truths, folds, pixels, names, grades = [], [], [], [], [], []
    for item in dataset.items:
        member = ensemble.card.held_out_member(sha256(item.image))
        if member is None or item.label is None:
            continue
        prediction = ensemble.predict(
            read_image(item.image), pixel_size=dataset.pixel_size, tta=args.tta, members=[member]
        )
        truth = read_labels(item.label)
        maps.append((prediction.probability, prediction.separator))
        truths.append(truth)
        folds.append(member)
        pixels.append(pixel_dice(prediction.probability >= 0.5, truth > 0))
        names.append(item.name)
        grades.append(item.grade or "")
        if args.maps:
            args.maps.mkdir(parents=True, exist_ok=True)
            pair = np.stack(maps[-1]).astype(np.float16)
            np.savez_compressed(args.maps / f"{item.name}.npz", maps=pair)
    pixel_size = float(dataset.pixel_size or ensemble.card.source_pixel_size)
    if args.defaults:
        stored = InstanceOptions()
        by_fold = dict.fromkeys(sorted(set(folds)), stored)
        scores = [
            score_objects(instances(*pair, pixel_size, stored), truth)
            for pair, truth in zip(maps, truths, strict=True)
        ]
    else:
        coarse = [(p[::STEP, ::STEP], s[::STEP, ::STEP]) for p, s in maps]
        coarse_truths = [truth[::STEP, ::STEP] for truth in truths]
        by_fold = cross_fit(coarse, coarse_truths, folds, STEP * pixel_size).folds
        scores = [
            score_objects(instances(*pair, pixel_size, by_fold[fold]), truth)
            for pair, fold, truth in zip(maps, folds, truths, strict=True)
        ]
        stored = choose_instance_options(coarse, coarse_truths, STEP * pixel_size).options
    groups = {"all": list(range(len(scores)))}
    groups |= {grade: [i for i, g in enumerate(grades) if g == grade] for grade in set(grades)}
    groups |= {f"fold {f}": [i for i, g in enumerate(folds) if g == f] for f in sorted(set(folds))}
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "ensemble": args.ensemble.name,
        "weights": ensemble.card.weights,
        "activations": ensemble.card.activations,
        "tta": args.tta,
        "who": "one member for each image, the one that never saw its patient",
        "groups": {
            name: summary([scores[i] for i in chosen], [pixels[i] for i in chosen])
            for name, chosen in groups.items()
        },
        "options_by_fold": {f: dataclasses.asdict(o) for f, o in by_fold.items()},
        "options_stored": dataclasses.asdict(stored),
        "worst_by_fold": {
            str(fold): [
                {
                    "name": names[i],
                    "grade": grades[i],
                    "object_dice": round(scores[i].object_dice, 3),
                    "f1": round(scores[i].f1, 3),
                    "pixel_dice": round(pixels[i], 3),
                    "merged": scores[i].merged,
                    "split": scores[i].split,
                }
                for i in sorted(
                    (i for i, f in enumerate(folds) if f == fold),
                    key=lambda i: scores[i].object_dice,
                )[:10]
            ]
            for fold in sorted(set(folds))
        },
        "images": {
            names[i]: [round(scores[i].object_dice, 4), round(scores[i].f1, 4), round(pixels[i], 4)]
            for i in range(len(names))
        },
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: report["groups"][name] for name in report["groups"]}, indent=1))
    if args.write_options:
        validation = {
            "out_of_fold": report["groups"]["all"],
            "tta": args.tta,
            "options": "defaults" if args.defaults else "cross-fitted by fold",
        }
        ensemble.card = dataclasses.replace(
            ensemble.card,
            instances=stored,
            metrics={**ensemble.card.metrics, "validation": validation},
        )
        ensemble.save(args.ensemble)


if __name__ == "__main__":
    main()
