"""A lock keeps others out, and ends with its process."""

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_qsa.errors import QsaError
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


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX's")
@pytest.mark.parametrize(
    "code", [errno.EWOULDBLOCK, errno.EACCES, errno.ENOLCK, errno.ENOTSUP], ids=errno.errorcode.get
)
def test_only_a_taken_lock_is_taken(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(code, "so it is")

    monkeypatch.setattr("fcntl.flock", flock)
    if code in (errno.EWOULDBLOCK, errno.EACCES):
        with lock(tmp_path / "lock") as held:
            assert not held
    else:
        with (
            pytest.raises(QsaError, match=r"cannot be locked \(so it is\)"),
            lock(tmp_path / "lock"),
        ):
            raise AssertionError


def test_a_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(QsaError, match=r"lock cannot be written"), lock(tmp_path / "no" / "lock"):
        raise AssertionError


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
