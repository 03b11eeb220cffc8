import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, wait
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.errors import EngineError, ImageError
from napari_qsa.jobs import Engine, Progress

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def calls():
    """The functions to call, from a folder that the child will find on its path."""
    sys.path.insert(0, str(HERE))
    import engine_calls

    yield engine_calls
    sys.path.remove(str(HERE))


@pytest.fixture
def engine():
    engine = Engine()
    yield engine
    engine.shutdown(cancel_futures=True)


def is_alive(pid):
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_calls_run_one_after_another_in_one_other_process(engine, calls):
    pids = {engine.submit(calls.pid).result(20) for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert list(engine.map(calls.add, [1, 2], [3, 4])) == [4, 6]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.arange(24)[::2],
        np.zeros((0, 3)),
        np.array([True]).view(np.int8),
    ],
    ids=["C", "Fortran", "strided", "empty", "single"],
)
def test_arrays_come_back_whole_and_writable(engine, calls, array):
    result = engine.submit(calls.negate, array).result(20)
    np.testing.assert_array_equal(result, -array)
    assert result.dtype == array.dtype
    result[...] = 1


def test_an_array_larger_than_any_pipe_passes(engine, calls):
    array = np.random.default_rng(0).integers(0, 99, (2000, 2000, 3), dtype=np.int16)
    np.testing.assert_array_equal(engine.submit(calls.negate, array).result(60), -array)


def test_progress_reaches_the_callback_in_order(engine, calls):
    seen = []
    job = engine.submit(calls.count, 4)
    job.add_progress_callback(lambda _: 1 / 0)  # a bad listener harms neither job nor others
    job.add_progress_callback(seen.append)
    assert job.result(20) == 4
    assert seen == [Progress(i / 4, f"step {i}") for i in range(4)][-len(seen) :]
    assert len(seen) >= 3


def test_prestart_starts_the_process_that_the_first_call_uses(engine, calls):
    engine.prestart()
    until(lambda: engine.pid is not None)
    pid = engine.pid
    assert engine.submit(calls.pid).result(20) == pid


def test_a_crash_fails_its_own_call_only(engine, calls):
    first = engine.submit(calls.pid).result(20)
    crashing, following = engine.submit(calls.die), engine.submit(calls.pid)
    with pytest.raises(EngineError, match="exit status 3") as caught:
        crashing.result(20)
    assert "last words" in caught.value.__notes__[0]
    assert following.result(20) != first


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_process_killed_from_outside_is_replaced(engine, calls):
    job = engine.submit(calls.sleep, 60)
    until(job.running)
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="lack of memory"):
        job.result(20)
    os.kill(engine.submit(calls.pid).result(20), signal.SIGKILL)  # while it is idle, too
    assert engine.submit(calls.add, 1, 2).result(20) == 3


def test_errors_of_the_family_come_back_as_themselves(engine, calls):
    with pytest.raises(ImageError, match="not an image") as caught:
        engine.submit(calls.refuse).result(20)
    assert str(caught.value) == "x.png is not an image; save it again."
    assert "engine_calls.py" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("name", "args", "sentence"),
    [
        ("divide", (1, 0), "division by zero"),
        ("refuse_oddly", (), "x.png: odd"),
        ("run_out_of_memory", (), "too little memory"),
        ("unpicklable", (), "pickle"),
    ],
)
def test_other_errors_come_back_as_engine_errors_with_details(engine, calls, name, args, sentence):
    with pytest.raises(EngineError, match=sentence) as caught:
        engine.submit(getattr(calls, name), *args).result(20)
    assert "Traceback" in caught.value.__notes__[0]
    assert engine.submit(calls.add, 1, 2).result(20) == 3


def test_after_a_failed_receive_the_next_call_gets_its_own_answer(engine, calls):
    with pytest.raises(EngineError, match="cannot be read back"):
        engine.submit(calls.report_unreadably).result(20)
    assert engine.submit(calls.add, 1, 2).result(20) == 3


def test_a_call_that_cannot_be_pickled_is_an_error_of_that_call(engine, calls):
    with pytest.raises(EngineError, match="pickle"):
        engine.submit(lambda: 0).result(20)
    assert engine.submit(calls.add, 1, 2).result(20) == 3


def test_cancel_ends_running_and_waiting_calls_and_the_process(engine, calls):
    running, waiting = engine.submit(calls.sleep, 60), engine.submit(calls.add, 1, 2)
    until(running.running)
    pid = engine.pid
    engine.cancel()
    assert running.cancelled()
    assert waiting.cancelled()
    assert wait([running, waiting], 2).not_done == set()
    with pytest.raises(CancelledError):
        running.result()
    until(lambda: not is_alive(pid), 2)
    assert engine.submit(calls.pid).result(20) != pid


def test_cancel_while_the_process_starts_or_a_call_is_sent(engine, calls):
    large = np.zeros((4000, 4000), np.float32)
    for pause in (0, 0.001, 0.01, 0.05, 0.1, 0.2):
        job = engine.submit(calls.negate, large)
        time.sleep(pause)
        engine.cancel()
        assert wait([job], 2).done == {job}
        assert job.cancelled() or job.result().shape == large.shape
    assert engine.submit(calls.add, 1, 2).result(20) == 3


def test_cancel_without_calls_ends_the_process(engine, calls):
    pid = engine.submit(calls.pid).result(20)
    engine.cancel()
    until(lambda: not is_alive(pid), 2)
    assert engine.pid is None
    engine.cancel()


def test_a_running_future_can_be_cancelled_by_itself(engine, calls):
    job, following = engine.submit(calls.sleep, 60), engine.submit(calls.add, 1, 2)
    until(job.running)
    assert job.cancel()
    assert following.result(20) == 3


def test_a_call_submitted_by_the_callback_of_a_cancel_survives_it(engine, calls):
    again = []
    job = engine.submit(calls.sleep, 60)
    job.add_done_callback(lambda _: again.append(engine.submit(calls.add, 1, 2)))
    until(job.running)
    engine.cancel()
    assert again[0].result(20) == 3


def test_cancels_from_many_threads_leave_a_working_engine(engine, calls):
    def churn(seed):
        pause = np.random.default_rng(seed)
        for _ in range(5):
            job = engine.submit(calls.sleep, 0.05)
            time.sleep(pause.uniform(0, 0.1))
            (engine if pause.random() < 0.5 else job).cancel()
            if not job.cancelled():
                job.result(20)

    threads = [threading.Thread(target=churn, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert engine.submit(calls.add, 1, 2).result(20) == 3


def test_shutdown_finishes_what_waits_and_refuses_more(calls):
    with Engine() as engine:
        jobs = [engine.submit(calls.add, i, i) for i in range(3)]
        pid = engine.submit(calls.pid).result(20)
    assert [job.result() for job in jobs] == [0, 2, 4]
    assert not is_alive(pid)
    with pytest.raises(RuntimeError, match="shut down"):
        engine.submit(calls.pid)
    with pytest.raises(RuntimeError, match="shut down"):
        engine.prestart()


def test_shutdown_may_cancel_what_runs(calls):
    engine = Engine()
    job = engine.submit(calls.sleep, 60)
    until(job.running)
    engine.shutdown(cancel_futures=True)
    assert job.cancelled()
    assert engine.pid is None


def test_stray_output_and_input_of_a_call_do_not_reach_the_pipes(engine, calls):
    assert engine.submit(calls.noise).result(20) == b""
    assert engine.submit(calls.add, 1, 2).result(20) == 3


def test_the_child_has_passive_waits(engine, calls, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert engine.submit(calls.environment, "OMP_WAIT_POLICY").result(20) == "PASSIVE"


def test_the_child_does_not_import_the_main_script(tmp_path, calls):
    """A script without the ``__main__`` guard must not run twice."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "print('script runs')\n"
        "import engine_calls\n"
        "from napari_qsa.jobs import Engine\n"
        "with Engine() as engine:\n"
        "    print(engine.submit(engine_calls.add, 1, 2).result())\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["script runs", "3"], done.stderr


def test_a_file_in_the_working_directory_is_not_imported(tmp_path, engine, calls, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    assert engine.submit(calls.big, 2).result(20).shape == (2, 2)


PARENT = """
import sys, time, os
sys.path.insert(0, {here!r})
import engine_calls
from napari_qsa.jobs import Engine
engine = Engine()
engine.submit(engine_calls.touch_and_sleep, {path!r}, 60)
if {fork}:
    if os.fork() == 0:      # a sibling that keeps the pipes open
        time.sleep(20)
        os._exit(0)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to look for the orphan")
@pytest.mark.parametrize("fork", [False, True], ids=["alone", "with a forked sibling"])
def test_the_child_ends_when_its_parent_is_killed(tmp_path, fork):
    path = tmp_path / "pid"
    program = PARENT.format(here=str(HERE), path=str(path), fork=fork)
    parent = subprocess.Popen([sys.executable, "-W", "ignore", "-c", program])
    until(lambda: path.exists() and path.read_text())
    child = int(path.read_text())
    assert is_alive(child)
    parent.kill()
    parent.wait()
    until(lambda: not is_alive(child), 5)


def test_importing_the_engine_is_light():
    program = (
        "import sys, napari_qsa.jobs, napari_qsa.jobs.tasks\n"
        "print([m for m in ('torch', 'openvino', 'skimage', 'scipy', 'qtpy', 'napari')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
