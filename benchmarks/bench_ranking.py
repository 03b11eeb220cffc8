"""Time the ranking of a million images, and measure the memory it takes.

    OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 python benchmarks/bench_ranking.py \
        --out benchmarks/results/ranking.json

Each case is run in a process of its own, whose peak memory (resource.getrusage) is that of the
descriptors, the ranking and all that Python loads. Drawn, with a seed: descriptors of any sign
around nothing (the hardest, as all images are alike), positive ones as of a ReLU, and positive
ones around 300 centres. The limits are 60 s and 4 GiB. On
a machine that does other work read the processor's seconds: the clock's say little there.
"""

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from napari_qsa.suggestion import rank

IMAGES, NUMBERS, CANDIDATES, PICKS = 1_000_000, 320, 2000, 200
CASES = [
    ("suggestive", "any sign", 0),
    ("suggestive", "positive", 0),
    ("suggestive", "groups", 0),
    ("suggestive", "groups", 200),
    ("representative", "groups", 0),
    ("coreset", "groups", 200),
]
LIMITS = {"seconds": 60.0, "gib": 4.0}


def draw(kind: str, images: int, rng: np.random.Generator) -> np.ndarray:
    """Draw descriptors, ``(images, 320) float32``, without a copy of them all."""
    descriptors = np.empty((images, NUMBERS), np.float32)
    centres = rng.standard_gamma(1.0, (300, NUMBERS), dtype=np.float32)
    for start in range(0, images, 65536):
        part = descriptors[start : start + 65536]
        rng.standard_normal(out=part, dtype=np.float32)
        if kind != "any sign":
            np.abs(part, out=part)
        if kind == "groups":
            part *= 0.3
            part += centres[rng.integers(0, 300, len(part))]
    return descriptors


def measure(strategy: str, kind: str, annotated: int, images: int) -> dict[str, object]:
    """Rank once in this process."""
    rng = np.random.default_rng(0)
    descriptors = draw(kind, images, rng)
    uncertainties, marks = rng.random(images), np.arange(images) < annotated
    wall, processor = time.perf_counter(), time.process_time()
    ranking = rank(
        descriptors, uncertainties, marks, k=PICKS, candidates=CANDIDATES, strategy=strategy
    )
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "strategy": strategy,
        "descriptors": kind,
        "annotated": annotated,
        "seconds": round(wall, 1),
        "processor_seconds": round(processor, 1),
        "peak_gib": round(peak, 2),
        "load_at_the_end": round(os.getloadavg()[0], 1),
        "picks": len(ranking.picks),
        "coverage": [round(ranking.coverage_before, 6), round(ranking.coverage_after, 6)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--case", type=int, help="of those in the script, counted from 0")
    parser.add_argument("--here", action="store_true", help="measure in this process")
    chosen = parser.parse_args()
    numbers = range(len(CASES)) if chosen.case is None else [chosen.case]
    if chosen.here:
        print(json.dumps(measure(*CASES[numbers[0]], chosen.images)))
        return
    document: dict[str, object] = {
        "command": "python benchmarks/bench_ranking.py",
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "data": "drawn",
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", "all"),
        "cores": os.cpu_count(),
        "images": chosen.images,
        "numbers": NUMBERS,
        "candidates": CANDIDATES,
        "k": PICKS,
        "limits": LIMITS,
    }
    rows: list[dict[str, object]] = []
    for number in numbers:
        command = [sys.executable, __file__, "--here", "--case", str(number)]
        command += ["--images", str(chosen.images)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        within = row["seconds"] < LIMITS["seconds"] and row["peak_gib"] < LIMITS["gib"]
        rows.append(row | {"within_limits": within})
        print(json.dumps(rows[-1]), flush=True)
        if chosen.out:
            text = json.dumps(document | {"cases": rows}, indent=1)
            chosen.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
