"""A lock keeps others out, and ends with its process."""

import subprocess
import sys
import time
from pathlib import Path

from napari_qsa.jobs.lock import lock

HOLD = """
import sys, time
from pathlib import Path
from napari_qsa.jobs.lock import lock
with lock(Path(sys.argv[1])) as held:
    print(held, flush=True)
    time.sleep(60)
"""


def test_only_one_block_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path) as first, lock(path) as second, lock(tmp_path / "other") as other:
        assert (first, second, other) == (True, False, True)
    with lock(path) as again:
        assert again


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "True"
        with lock(path) as held:
            assert not held
        process.kill()
    end = time.monotonic() + 10
    held = False
    while not held and time.monotonic() < end:
        with lock(path) as held:
            pass
    assert held
