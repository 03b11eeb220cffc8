"""How much of the error is merged neighbours: objects as found, and cut where the truth cuts them.

Works on the out-of-fold maps that ``out_of_fold.py --maps DIR`` keeps, with the default rules.
Where the truth has several glands, each pixel of an object goes to the nearest true gland: what no
rule for objects could do better with these maps. It is a ceiling for diagnosis, never a result.

    python benchmarks/merge_ceiling.py ../shared/data/glas MAPS RUN/run.json \
        --out benchmarks/results/merge_ceiling.json
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_qsa.ensemble.instances import instances
from napari_qsa.images import GLAS_PIXEL_SIZE, open_dataset, read_labels
from napari_qsa.metrics import ObjectScore, pool, score_objects


def main() -> None:
    """Score both ways, by fold, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("maps", type=Path)
    parser.add_argument("run", type=Path, help="run.json, which knows the folds")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    folds = {name: fold for name, _, fold in json.loads(args.run.read_text())["images"]}
    scores: dict[str, dict[str, list[ObjectScore]]] = defaultdict(lambda: defaultdict(list))
    for item in open_dataset(args.data).part("train").items:
        if item.label is None or item.name not in folds:
            continue
        with np.load(args.maps / f"{item.name}.npz") as kept:
            probability, separator = kept["maps"].astype(np.float32)
        truth = read_labels(item.label)
        found = instances(probability, separator, GLAS_PIXEL_SIZE)
        nearest = distance_transform_edt(truth == 0, return_distances=False, return_indices=True)
        cut = np.where(found > 0, truth[tuple(nearest)], 0)
        for group in ("all", f"fold {folds[item.name]}"):
            scores[group]["as found"].append(score_objects(found, truth))
            scores[group]["cut by the truth"].append(score_objects(cut, truth))
    groups = {
        group: {
            way: {
                "object_dice": round(pool(own).object_dice, 4),
                "f1": round(pool(own).f1, 4),
            }
            for way, own in ways.items()
        }
        for group, ways in sorted(scores.items())
    }
    document = {"date": datetime.now(UTC).date().isoformat(), "rules": "defaults", "groups": groups}
    args.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(groups, indent=1))


if __name__ == "__main__":
    main()
