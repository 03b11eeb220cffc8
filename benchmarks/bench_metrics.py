"""Time the object scores on an image of GlaS size, and the AUROC on ten million pixels.

    OMP_NUM_THREADS=1 python benchmarks/bench_metrics.py

Predictions are the true glands, moved, eroded and dilated, with some lost and some false, so that
objects with and without partner both occur. Reported: the median and the slowest of 20 runs, on
the clock and on the processor (the one to read where other work shares the machine).
"""

import time
from collections.abc import Callable

import numpy as np

from napari_qsa.metrics import auroc, score_objects

SHAPE = (522, 775)


def glands(n: int, seed: int, jitter: float = 0.0, lost: float = 0.0) -> np.ndarray:
    """Draw n elliptic glands on a jittered grid; the same seed gives the same glands."""
    rng, noise = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros(SHAPE, np.int32)
    across = int(np.ceil(np.sqrt(n * SHAPE[1] / SHAPE[0])))
    down = int(np.ceil(n / across))
    step = np.array([SHAPE[0] / down, SHAPE[1] / across])
    for i in range(n):
        centre = (np.array(divmod(i, across)) + 0.5) * step + rng.normal(0, 4, 2)
        radius = step * rng.uniform(0.38, 0.48, 2)
        gone = noise.random() < lost
        centre = centre + noise.normal(0, jitter, 2)
        radius = radius * noise.uniform(1 - jitter / 40, 1 + jitter / 40, 2)
        if not gone:
            inside = ((rows - centre[0]) / radius[0]) ** 2 + (
                (columns - centre[1]) / radius[1]
            ) ** 2
            labels[inside <= 1] = i + 1
    return labels


def report(name: str, call: Callable[[], object], runs: int = 20) -> None:
    call()
    wall, cpu = [], []
    for _ in range(runs):
        start, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    print(
        f"{name:42s} wall {np.median(wall):.3f} s (slowest {max(wall):.3f})   "
        f"CPU {np.median(cpu):.3f} s (slowest {max(cpu):.3f})"
    )


def main() -> None:
    truth = glands(30, seed=0)
    cases = {
        "30 glands, predictions moved and resized": glands(30, 0, jitter=6),
        "30 glands, a third lost, all moved far": glands(30, 0, jitter=25, lost=0.33),
        "30 glands, no prediction has a partner": np.where(truth == 0, np.roll(truth, 40, 1), 0),
        "30 glands, one prediction over the image": np.ones(SHAPE, np.int32),
        "30 glands, nothing predicted": np.zeros(SHAPE, np.int32),
    }
    for name, predicted in cases.items():
        report(name, lambda predicted=predicted: score_objects(predicted, truth))
    many = glands(1200, seed=0)
    moved = np.roll(many, 3, 1)
    report("1200 glands, moved", lambda: score_objects(moved, many), runs=3)
    rng = np.random.default_rng(0)
    score = rng.random(10_000_000, np.float32)
    wrong = rng.random(10_000_000) < 0.1
    report("AUROC, 10 million float32 pixels", lambda: auroc(score, wrong), runs=3)


if __name__ == "__main__":
    main()
