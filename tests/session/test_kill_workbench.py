"""The process is killed while it paints, saves and accepts: what it said is saved is there."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.project import Project

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 6])
@pytest.mark.parametrize("phase", ["paint", "autosave", "accept", "saved"])
def test_what_was_saved_is_there_after_a_kill(project: Project, phase: str, after: int) -> None:
    folder, image = project.folder, next(iter(project.images))
    project.close()
    child = subprocess.Popen(
        [sys.executable, str(HERE / "paint_and_save.py"), str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE), "NAPARI_QSA_CACHE": ""},
    )
    assert child.stdout is not None
    lines: list[list[str]] = []
    for line in child.stdout:
        lines.append(line.decode().split())
        if sum(words[0] == phase for words in lines) == after:
            time.sleep(0.002 * after)  # somewhere in what follows
            break
    child.kill()
    lines += [line.decode().split() for line in child.stdout]
    child.wait()
    child.stdout.close()
    print(phase, after, "killed after:", lines[-1])
    saved = [(int(n), state, int(glands)) for kind, n, state, glands in _of(lines, "saved")]
    with Project.open(folder) as again:
        found = [(r.revision, r.state, r.glands) for r in again.history(image)]
        assert again.problems() == []
        assert found[: len(saved)] == saved
        assert len(found) <= len(saved) + 1, "at most the one it was about to acknowledge"
        if found:
            glands = again.read(image).glands
            painted = found[-1][2]
            assert (glands.flat[1 : painted + 1] == np.arange(1, painted + 1)).all()


def _of(lines: list[list[str]], kind: str) -> list[list[str]]:
    return [words for words in lines if words[0] == kind and len(words) == 4]
