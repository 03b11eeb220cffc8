"""Training in worker processes: the same weights whatever happens on the way."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imsave

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.events import read_events
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import TrainingError
from napari_qsa.images.synthetic import synthetic_glas
from napari_qsa.jobs import training
from napari_qsa.jobs.lock import lock

OPTIONS = TrainingOptions(
    network="unet", network_options={"width": 4}, members=2, iterations=40, batch=2, crop=32
)
TRAIN = """
import sys
from pathlib import Path
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.jobs.training import train
train(TrainingRun.open(Path(sys.argv[1])), workers=1, device="cpu", checkpoint_seconds=0.0)
"""
PATIENCE = 300.0
"""Seconds to wait for what takes a few: the machine may be busy."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, (pixels, labels, _) in enumerate(synthetic_glas(3, seed=0, shape=(90, 120))):
        imsave(folder / f"train_{number + 1}.bmp", pixels, check_contrast=False)
        imsave(folder / f"train_{number + 1}_anno.bmp", labels.astype(np.uint8),
               check_contrast=False)  # fmt: skip
    return folder


def weights(file: Path) -> list[dict[str, np.ndarray]]:
    networks = Ensemble.load(file).networks()
    return [{k: v.numpy() for k, v in network.state_dict().items()} for network in networks]


def assert_same(file: Path, expected: list[dict[str, np.ndarray]]) -> None:
    (found,), (wanted,) = weights(file), expected
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        assert value.tobytes() == wanted[name].tobytes(), name


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Weights of both members, trained one after the other in this very process."""
    run = TrainingRun.create(tmp_path_factory.mktemp("undisturbed"), data, OPTIONS, "train")
    for member in (0, 1):
        run.train_member(member)
    return [weights(run.member_folder(m) / "member.safetensors") for m in (0, 1)]


@pytest.fixture
def run(data: Path, tmp_path: Path) -> TrainingRun:
    return TrainingRun.create(tmp_path / "run", data, OPTIONS, "train")


@pytest.fixture
def team(monkeypatch: pytest.MonkeyPatch) -> list[training.Worker]:
    """The workers that are started."""
    started: list[training.Worker] = []

    class Noted(training.Worker):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(training, "Worker", Noted)
    monkeypatch.setattr(training, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(training, "POLL_SECONDS", 0.05)
    return started


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def is_free(path: Path) -> bool:
    with lock(path) as held:
        return held


def iteration(run: TrainingRun) -> int:
    return max((event.get("iteration", 0) for event in read_events(run.folder)), default=0)


@pytest.mark.slow
def test_members_in_processes_are_those_of_one_process(
    run: TrainingRun, undisturbed: list[Any], team: list[training.Worker]
) -> None:
    seen: list[float] = []
    training.train(run, 2, "cpu", report=lambda progress: seen.append(progress.fraction))
    assert len({worker.pid for worker in team}) == 2
    assert not any(worker.running for worker in team)
    for member in (0, 1):
        assert_same(run.member_folder(member) / "member.safetensors", undisturbed[member])
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(run.assemble().networks()) == 2
    training.train(run, 2, "cpu")  # nothing is left: no process is started
    assert len(team) == 2


@pytest.mark.slow
def test_killed_at_many_points_and_resumed_it_ends_the_same(
    run: TrainingRun, undisturbed: list[Any]
) -> None:
    """SIGKILL the parent amid the float phase, the activations and the INQ stages."""
    command = [sys.executable, "-c", TRAIN, str(run.folder)]
    member = run.member_folder(0)
    for target in (20, 26, 34):
        with subprocess.Popen(command) as parent:
            wait_for(lambda target=target: iteration(run) >= target or parent.poll() is not None)
            assert parent.poll() is None
            parent.kill()
        # The worker has ended as well: else it would hold the lock, and train on.
        wait_for(lambda: is_free(member / "lock"))
        assert not run.finished(0)
        assert (member / "checkpoint.safetensors").exists()
    training.train(run, 1, "cpu")
    for number in (0, 1):
        assert_same(run.member_folder(number) / "member.safetensors", undisturbed[number])
    resumed = [e["iteration"] for e in read_events(run.folder) if e["event"] == "resumed"]
    assert len(resumed) == 3
    assert resumed == sorted(resumed)
    assert resumed[-1] >= 34


def test_a_worker_that_dies_is_an_error_and_ends_the_others(
    run: TrainingRun, team: list[training.Worker]
) -> None:
    def kill_one(progress: Any) -> None:
        if progress.fraction > 0:
            team[0]._popen.kill()

    with pytest.raises(TrainingError, match=r"ended unexpectedly .*worker-0\.log"):
        training.train(run, 2, "cpu", report=kill_one)
    assert not any(worker.running for worker in team)


def test_stopping_ends_the_workers_at_once(run: TrainingRun, team: list[training.Worker]) -> None:
    def stop(progress: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(run, 2, "cpu", report=stop)
    assert len(team) == 2
    assert not any(worker.running for worker in team)
    assert is_free(run.folder / "lock")


def test_what_a_worker_refuses_is_its_sentence(
    data: Path, tmp_path: Path, team: list[training.Worker]
) -> None:
    copy = tmp_path / "data"
    copy.mkdir()
    for file in data.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    run = TrainingRun.create(tmp_path / "run", copy, OPTIONS, "train")
    (copy / "train_2.bmp").write_bytes((copy / "train_1.bmp").read_bytes())
    with pytest.raises(TrainingError, match=r"not those this run began with \(train_2\)"):
        training.train(run, 1, "cpu")


def test_one_run_is_trained_by_one_at_a_time(run: TrainingRun) -> None:
    with lock(run.folder / "lock"), pytest.raises(TrainingError, match="another process"):
        training.train(run)


@pytest.mark.slow
def test_pace_is_measured_in_processes_side_by_side(
    data: Path, team: list[training.Worker]
) -> None:
    pace = training.measure_pace(data, "train", OPTIONS, 2, "cpu")
    assert len(team) == 2
    assert min(pace.start, pace.plain, pace.quantized, pace.fixed) > 0


@pytest.mark.parametrize(
    ("members", "threads", "workers"), [(64, 1, 8), (3, 1, 3), (64, 3, 2), (64, 16, 1), (1, 1, 1)]
)
def test_workers_are_as_many_as_are_of_use(
    members: int, threads: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    options = TrainingOptions(members=members, threads=threads)
    assert training.default_workers(options) == workers


def test_a_worker_keeps_its_memory_and_waits_without_spinning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[dict[str, str]] = []

    class Popen:
        def __init__(self, command: list[str], env: dict[str, str], **options: Any) -> None:
            started.append(env)

    for name in ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(subprocess, "Popen", Popen)
    training.Worker(["run"], threads=3)
    (env,) = started
    assert env["MALLOC_MMAP_MAX_"] == "0"
    assert int(env["MALLOC_TRIM_THRESHOLD_"]) >= 2**32
    assert (env["OMP_WAIT_POLICY"], env["OMP_NUM_THREADS"]) == ("PASSIVE", "3")


def test_a_log_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot be started .*worker-0\.log"):
        training.Worker([], 1, tmp_path / "no folder" / "worker-0.log")
