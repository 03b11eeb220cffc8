"""Any sequence of actions, against a model in memory, with closing and losing in between."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from napari_qsa.errors import ProjectError
from napari_qsa.images import open_images
from napari_qsa.project import Project, ProjectLocked, Score

SHAPE = (12, 10)
SEEDS = st.integers(0, 2**16)
WHICH = st.integers(0, 9)


def pixels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, 5, SHAPE), random.integers(0, 3, SHAPE)


@dataclass
class Saved:
    number: int
    state: str
    glands: np.ndarray
    region: np.ndarray
    parent: int | None


class Projects(RuleBasedStateMachine):
    """A project beside what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.environment = mock.patch.dict(os.environ, NAPARI_QSA_CACHE=str(self.root / "cache"))
        self.environment.start()
        self.project: Project | None = None

    @initialize()
    def create(self) -> None:
        self.project = Project.create(self.root / "a.qsa", "A", seed=1)
        self.saved: dict[str, list[Saved]] = {}
        self.roles: dict[str, str] = {}
        self.scores: dict[str, float] = {}
        self.asked: dict[str, tuple[int, str]] = {}
        self.round = 0
        self.pixel_size: float | None = None
        for _ in range(3):
            self.add()

    def teardown(self) -> None:
        if self.project is not None:
            self.project.close()
        self.environment.stop()
        shutil.rmtree(self.root)

    def image(self, which: int) -> str:
        return sorted(self.saved)[which % len(self.saved)]

    @precondition(lambda self: len(self.saved) < 7)
    @rule()
    def add(self) -> None:
        number = len(self.saved)
        file = self.root / f"x{number}.png"
        content = np.random.default_rng(number).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
        PIL.Image.fromarray(content).save(file)
        (new,) = self.project.add_images(open_images([file])).ids
        self.saved[new] = []
        self.roles[new] = self.project.image(new).role
        again = self.project.add_images(open_images([file]))
        assert (again.ids, again.known) == ((), (new,))

    @rule(which=WHICH, seed=SEEDS, accept=st.booleans(), keep=st.booleans())
    def save(self, which: int, seed: int, accept: bool, keep: bool) -> None:
        image = self.image(which)
        glands, region = pixels(seed)
        parent = self.saved[image][-1].number if self.saved[image] else None
        if accept:
            facts = self.project.accept(image, glands, region, keep_region=keep)
            if not keep:
                region = np.where(region == 0, 1, region)
        else:
            facts = self.project.save_draft(image, glands, region)
        self.remember(image, facts.revision, facts.state, glands, region, parent)
        assert facts.state == ("accepted" if accept else "draft")

    def remember(self, image: str, number: int, *content: Any) -> None:
        """Numbers only grow, also when drafts were thinned."""
        assert number == (self.saved[image][-1].number if self.saved[image] else 0) + 1
        self.saved[image].append(Saved(number, *content))

    @rule(which=WHICH, choice=WHICH)
    def restore(self, which: int, choice: int) -> None:
        image = self.image(which)
        if not self.saved[image]:
            with pytest.raises(ProjectError, match="has no revision"):
                self.project.restore(image, 1)
            return
        former = self.saved[image][choice % len(self.saved[image])]
        facts = self.project.restore(image, former.number)
        self.remember(image, facts.revision, "draft", former.glands, former.region, former.number)

    @rule()
    def thin(self) -> None:
        """All is of the same hour: of drafts the newest five stay."""
        removed = self.project.thin_drafts()
        expected = 0
        for image, saved in self.saved.items():
            drafts = [s.number for s in saved if s.state == "draft"]
            gone = set(drafts[:-5])
            kept_hours = {r.revision for r in self.project.history(image)} & gone
            gone -= kept_hours  # where the hour turned while the test ran
            self.saved[image] = [s for s in saved if s.number not in gone]
            expected += len(gone)
        assert removed == expected

    @rule(which=WHICH, role=st.sampled_from(["train", "validation", "excluded"]))
    def set_role(self, which: int, role: Any) -> None:
        image = self.image(which)
        self.project.set_role([image], role)
        self.roles[image] = role

    @rule()
    def assign(self) -> None:
        users = {i for i, r in self.project.images.items() if r.role_from != "default"}
        changed = self.project.assign_roles().changed
        assert not users & set(changed)
        for image in changed:
            self.roles[image] = self.project.image(image).role

    @rule(k=st.integers(1, 5))
    def next_round(self, k: int) -> None:
        done = {i for i, saved in self.saved.items() if any(s.state == "accepted" for s in saved)}
        waiting = {
            role: [i for i in sorted(self.roles) if self.roles[i] == role and i not in done]
            for role in ("train", "validation")
        }
        if not waiting["train"] and not waiting["validation"]:
            with pytest.raises(ProjectError, match="Nothing is left"):
                self.project.next_round(sorted(self.saved), k)
            return
        asked = self.project.next_round(sorted(self.saved), k)
        self.round += 1
        assert asked.number == self.round
        assert list(asked.annotate) == waiting["train"][:k]
        assert set(asked.validate) <= set(waiting["validation"])
        assert len(asked.validate) == min(-(-k // 4), len(waiting["validation"]))
        self.asked |= dict.fromkeys(asked.annotate, (self.round, "annotate"))
        self.asked |= dict.fromkeys(asked.validate, (self.round, "validate"))

    @rule(which=WHICH, value=st.floats(0, 1))
    def score(self, which: int, value: float) -> None:
        image = self.image(which)
        digest = self.project.image(image).sampled_hash
        one = Score(value, 2, np.array([value, 1], np.float32), digest)
        self.project.save_scores("m", {image: one})
        self.scores[image] = value

    @rule(value=st.floats(0.1, 2))
    def set_pixel_size(self, value: float) -> None:
        self.project.set_pixel_size(value)
        self.pixel_size = value

    @rule()
    def reopen(self) -> None:
        self.project.close()
        self.project = Project.open(self.root / "a.qsa")

    @rule()
    def lose_index(self) -> None:
        shutil.rmtree(self.root / "cache", ignore_errors=True)

    @rule()
    def harm_index(self) -> None:
        for file in (self.root / "cache").rglob("*.sqlite"):
            file.write_bytes(b"?" * 5000)

    @rule(which=WHICH)
    def look(self, which: int) -> None:
        with pytest.raises(ProjectLocked):
            Project.open(self.root / "a.qsa")
        with Project.open(self.root / "a.qsa", read_only=True) as reader:
            self.compare(reader)
            with pytest.raises(ProjectError, match="read-only"):
                reader.set_role([self.image(which)], "train")

    @invariant()
    def holds_what_it_should(self) -> None:
        if self.project is not None:
            self.compare(self.project)

    def compare(self, project: Project) -> None:
        assert {i: r.role for i, r in project.images.items()} == self.roles
        marks = {
            i: (r.round, r.asked_for) for i, r in project.images.items() if r.round is not None
        }
        assert marks == self.asked
        assert (project.round, project.facts.pixel_size) == (self.round, self.pixel_size)
        assert {i: s.uncertainty for i, s in project.read_scores("m").items()} == self.scores
        for image, summary in project.summaries().items():
            saved = self.saved[image]
            accepted = [s.number for s in saved if s.state == "accepted"]
            assert summary.problems == ()
            assert summary.status == (saved[-1].state if saved else "none")
            assert summary.newest == (saved[-1].number if saved else None)
            assert summary.accepted == (accepted[-1] if accepted else None)
        image = max(self.saved, key=lambda i: len(self.saved[i]))
        facts = [(r.revision, r.state, r.parent) for r in project.history(image)]
        assert facts == [(s.number, s.state, s.parent) for s in self.saved[image]]
        for one in self.saved[image][-2:]:
            found = project.read(image, one.number)
            assert (found.glands == one.glands).all()
            assert (found.region == one.region).all()


Projects.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSequences = pytest.mark.slow(Projects.TestCase)
