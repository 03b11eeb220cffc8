"""Which drafts go, and that nothing else does."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from napari_qsa.project import Project, Revision, clock
from napari_qsa.project.thinning import superfluous

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def revision(number: int, ago: timedelta, state: str = "draft") -> Revision:
    when = clock.stamp(NOON - ago)
    return Revision("i", number, state, "", "", when, "", (1, 1), 0, None, "")


def test_what_is_kept_of_drafts() -> None:
    minutes = [4000, 3990, 3000, 2990, 200, 190, 125, 122, 61, 20, 15, 10, 5, 4, 3]
    found = [revision(n, timedelta(minutes=m)) for n, m in enumerate(minutes, 1)]
    # Newest five: 11 to 15. Then of each hour: 8 (09:58), 9 (10:59), 6 (08:50); of each day:
    # 2 (7 March), 4 (8 March). Hour of 10 (11:40) has 15, and that of 7 (09:55) has 8.
    assert sorted(superfluous(found, NOON)) == [1, 3, 5, 7, 10]


def test_accepted_and_newest_are_kept_for_ever() -> None:
    old = timedelta(days=900)
    found = [revision(n, old, "accepted") for n in range(1, 20)]
    assert superfluous(found, NOON) == []
    found = [revision(n, old) for n in range(1, 20)] + [revision(20, old, "accepted")]
    assert sorted(superfluous(found, NOON)) == list(range(1, 15))


def test_thinning_removes_files_and_no_number_comes_again(
    project: Project, drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = next(iter(project.images))
    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start)
    project.accept(image, *drawing(0))
    for seed in range(1, 9):
        project.save_draft(image, *drawing(seed))
    damaged = project.folder / "annotations" / image / "000003.tif"
    damaged.write_bytes(b"")
    assert project.thin_drafts() == 2
    assert [r.revision for r in project.history(image)] == [1, 5, 6, 7, 8, 9]
    names = sorted(os.listdir(damaged.parent))
    assert {name[:6] for name in names} == {f"00000{n}" for n in (1, 3, 5, 6, 7, 8, 9)}
    assert len(names) == 14
    assert project.thin_drafts() == 0
    assert project.save_draft(image, *drawing(9)).revision == 10
    assert (project.read(image, 9).glands == drawing(8)[0]).all()
