"""Quantized members against their ``float-restarts`` controls: the same seeds, draws and schedule.

Both files hold the same patient folds. Each image is predicted out of fold by one member for the
scores, paired by image; rules for objects are those of the first file for both, so that only the
networks differ. Uncertainties and rankings use all members.

    python benchmarks/quantization_effect.py ../shared/data/glas quantized.safetensors \
        control.safetensors --out benchmarks/results/quantization_effect.json
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
from napari_qsa.evaluation.comparison import paired_difference
from napari_qsa.evaluation.uncertainty import ErrorRanking
from napari_qsa.images import GLAS_PIXEL_SIZE, open_dataset, read_image, read_labels, sha256
from napari_qsa.metrics import (
    pixel_dice,
    pool,
    reliability,
    score_objects,
    spearman,
)
from napari_qsa.suggestion import rank


def run(
    ensemble: Ensemble, data: Path, options: InstanceOptions, limit: int | None
) -> dict[str, Any]:
    """Predict every training image out of fold and with all members."""
    dataset = open_dataset(data).part("train")
    result: dict[str, Any] = {"scores": [], "pixels": [], "uncertainty": [], "descriptor": []}
    ranking, calibration = None, None
    for item in dataset.items[:limit]:
        image, truth = read_image(item.image), read_labels(item.label)  # type: ignore[arg-type]
        member = ensemble.card.held_out_member(sha256(item.image))
        if member is None:
            raise SystemExit(f"{item.name} has no member that never saw it")
        held_out = ensemble.predict(image, pixel_size=dataset.pixel_size, members=[member])
        labels = instances(held_out.probability, held_out.separator, GLAS_PIXEL_SIZE, options)
        result["scores"].append(score_objects(labels, truth))
        result["pixels"].append(pixel_dice(held_out.probability >= 0.5, truth > 0))
        both = ensemble.predict(image, pixel_size=dataset.pixel_size)
        result["uncertainty"].append(both.image_uncertainty)
        result["descriptor"].append(both.descriptor)
        errors = ErrorRanking.of(both.uncertainty, both.probability, truth)
        ranking = errors if ranking is None else ranking + errors
        counts = reliability(held_out.probability, truth)
        calibration = counts if calibration is None else calibration + counts
    result["auroc"] = ranking.auroc if ranking else float("nan")
    result["calibration"] = calibration.error if calibration else None
    return result


def main() -> None:
    """Compare and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("quantized", type=Path)
    parser.add_argument("control", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    first, second = Ensemble.load(args.quantized), Ensemble.load(args.control)
    quantized, control = (
        run(ensemble, args.data, first.card.instances, args.limit) for ensemble in (first, second)
    )
    nothing = np.zeros(len(control["uncertainty"]), bool)
    picked = [
        rank(np.array(r["descriptor"]), np.array(r["uncertainty"]), nothing)
        for r in (quantized, control)
    ]
    sixteen = [
        set(np.argsort(-np.array(r["uncertainty"]))[:16].tolist()) for r in (quantized, control)
    ]
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "images": len(quantized["scores"]),
        **{
            name: {
                "pooled_f1": round(pool(r["scores"]).f1, 4),
                "pooled_object_dice": round(pool(r["scores"]).object_dice, 4),
                "pooled_object_hausdorff": round(pool(r["scores"]).object_hausdorff, 2),
                "pixel_dice_mean": round(float(np.mean(r["pixels"])), 4),
                "auroc_of_uncertainty_for_wrong_pixels": round(r["auroc"], 4),
                "expected_calibration_error_out_of_fold": round(r["calibration"], 4),
            }
            for name, r in (("quantized", quantized), ("float_restarts", control))
        },
        "quantized_less_control": {
            metric: {
                kind: dataclasses.asdict(
                    paired_difference(
                        control["scores"], quantized["scores"], metric, pooled=kind == "pooled"
                    )
                )
                for kind in ("pooled", "mean_per_image")
            }
            for metric in ("object_dice", "f1")
        },
        "spearman_of_image_uncertainty": round(
            spearman(np.array(quantized["uncertainty"]), np.array(control["uncertainty"])), 4
        ),
        "shared_of_16_candidates": len(sixteen[0] & sixteen[1]),
        "shared_of_8_picks": len(set(picked[0].picks) & set(picked[1].picks)),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
