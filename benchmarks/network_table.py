"""The networks at equal cost: pixel and object Dice on a held-out fold, float and 4-bit.

Takes training runs of one member each (``napari-qsa train ... --folds 5 --members 1``), given the
same processor time, and scores each twice on the fold it never saw: at the end of its float phase
(EMA weights, BN statistics as averaged) and at its end. The rules for objects are the defaults for
all, so nothing is chosen on the fold.

    python benchmarks/network_table.py ../shared/data/glas RUN... --out FILE.json
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scored import held_out, score_images

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.checkpoint import read_checkpoint
from napari_qsa.ensemble.training.events import read_events
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.networks import build_network
from napari_qsa.quantization import freeze, prepare


def score(ensemble: Ensemble, run: TrainingRun, data: Path) -> dict[str, float]:
    """Score the images of fold 0, which member 0 never saw."""
    found = score_images(ensemble, *held_out(run, data, 0))
    names = ("images", "pixel_dice", "object_dice", "f1", "object_hausdorff")
    return {name: found[name] for name in names}


def main() -> None:
    """Score the runs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for folder in args.runs:
        run = TrainingRun.open(folder)
        quantized = Ensemble.load(run.member_folder(0) / "member.safetensors")
        options = {k: v for k, v in run.options.network_options.items() if k != "pretrained"}
        network = prepare(build_network(run.options.network, 3, **options))
        tensors, _ = read_checkpoint(run.member_folder(0) / "float.safetensors")
        network.load_state_dict(tensors)
        in_float = Ensemble([freeze(network)], quantized.card)
        progress = [e for e in read_events(folder) if e["event"] == "progress" and e["member"] == 0]
        rows.append(
            {
                "network": run.options.network,
                "options": run.options.network_options,
                "parameters": sum(p.numel() for p in network.parameters()),
                "iterations": run.options.iterations,
                "threads": run.options.threads,
                "median_seconds_per_iteration": float(
                    np.median([e["seconds_per_iteration"] for e in progress])
                ),
                "float": score(in_float, run, args.data),
                run.options.weights: score(quantized, run, args.data),
            }
        )
        print(json.dumps(rows[-1], indent=1))
    report = {"date": datetime.now(UTC).date().isoformat(), "fold": 0, "networks": rows}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
