"""A process that saves without pause is killed at random moments: what it said is saved, is."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.images import open_dataset
from napari_qsa.project import Owner, Project, ProjectLocked
from napari_qsa.project.lock import read_owner

KILLS = 12
SAVE = """
import sys
import numpy as np
from napari_qsa.project import Project
with Project.open(sys.argv[1]) as project:
    images = list(project.images)
    random = np.random.default_rng(int(sys.argv[2]))
    print("ready", flush=True)
    while True:
        seed = int(random.integers(2**31))
        image = images[seed % len(images)]
        glands = np.random.default_rng(seed).integers(0, 9, project.image(image).shape)
        save = project.accept if seed % 3 == 0 else project.save_draft
        revision = save(image, glands, glands % 3, "Ada")
        print(image, revision.revision, revision.state, seed, flush=True)
"""
HOLD = """
import sys, time
from napari_qsa.project import Project
with Project.open(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def start(source: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", source, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def when_free(folder: Path) -> Project:
    """Open once the system has cleaned up after a killed owner."""
    end = time.monotonic() + 20
    while True:
        try:
            return Project.open(folder)
        except ProjectLocked:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


@pytest.mark.slow
def test_acknowledged_revisions_survive_kills(project: Project) -> None:
    folder = project.folder
    project.close()
    chance = random.Random(5)
    acknowledged: list[tuple[str, int, str, int]] = []
    for kill in range(KILLS):
        # One line more is read each time, and then the kill comes at any point of the next save.
        with start(SAVE, folder, kill) as child:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == "ready"
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 4))]
            time.sleep(chance.uniform(0, 0.02))
            child.kill()
            lines += child.stdout.read().splitlines()
        for line in lines:
            image, revision, state, seed = line.split()
            acknowledged.append((image, int(revision), state, int(seed)))
        with when_free(folder) as again:
            assert again.problems() == []
    assert len(acknowledged) >= KILLS
    with Project.open(folder) as again:
        facts = {image: {r.revision: r for r in again.history(image)} for image in again.images}
        for image, revision, state, seed in acknowledged:
            glands = np.random.default_rng(seed).integers(0, 9, again.image(image).shape)
            region = glands % 3
            if state == "accepted":
                region = np.where(region == 0, 1, region)
            found = again.read(image, revision)
            assert facts[image][revision].state == state
            assert (found.glands == glands).all()
            assert (found.region == region).all()
    numbers = [(image, revision) for image, revision, _, _ in acknowledged]
    assert len(set(numbers)) == len(numbers)


def test_owner_is_named_and_its_lock_dies_with_it(project: Project) -> None:
    folder = project.folder
    project.close()
    with start(HOLD, folder) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "held"
        with pytest.raises(ProjectLocked, match="open it read-only") as caught:
            Project.open(folder)
        owner = caught.value.owner
        assert owner is not None
        assert owner.pid == child.pid
        assert owner.user in str(caught.value)
        assert owner.host in str(caught.value)
        with Project.open(folder, read_only=True) as reader:
            assert len(reader.images) == 6
        child.kill()
    when_free(folder).close()


@pytest.mark.parametrize("text", [b"", b"\0", b"\0{", b"\0[1]", b"\0" + b"\xff" * 9])
def test_an_owner_that_has_not_said_who_it_is(project: Project, text: bytes) -> None:
    path = project.folder / "lock"
    path.write_bytes(text)
    assert read_owner(path) is None
    with pytest.raises(ProjectLocked, match="by another process") as caught:
        Project.open(project.folder)
    assert caught.value.owner is None


def test_text_in_the_lock(project: Project) -> None:
    owner = read_owner(project.folder / "lock")
    assert isinstance(owner, Owner)
    assert owner.pid == os.getpid()


def test_readers_follow_the_owner(project: Project, pictures: Path, image_writer) -> None:
    with Project.open(project.folder, read_only=True) as reader:
        image_writer(pictures / "new.png", 77)
        (new,) = project.add_images(open_dataset(pictures)).ids
        assert new not in reader.images
        reader.reload()
        assert new in reader.images
