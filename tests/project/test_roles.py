"""Roles by whole groups, the user's word, and rounds."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qsa.errors import ProjectError
from napari_qsa.images import Dataset, Item
from napari_qsa.project import ImageRecord, Project
from napari_qsa.project.draw import drawn
from napari_qsa.project.roles import with_roles

SHARES = (0.15, 0.25)


def record(number: int, group: str | None = None, **facts: object) -> ImageRecord:
    values: dict[str, object] = {
        "id": f"i{number}",
        "name": f"i{number}",
        "path": f"i{number}.png",
        "page": None,
        "size": 1,
        "mtime_ns": 1,
        "sampled_hash": "0" * 64,
        "sha256": None,
        "width": 4,
        "height": 4,
        "pixel_size": None,
        "group": group or f"image:i{number}",
        "grade": None,
    }
    return ImageRecord(**(values | facts))


def by_id(records: Sequence[ImageRecord]) -> dict[str, ImageRecord]:
    return {r.id: r for r in records}


def assigned(records: Sequence[ImageRecord], seed: int = 0) -> dict[str, ImageRecord]:
    return by_id(records) | by_id(with_roles(by_id(records), SHARES, seed))


def validating(records: dict[str, ImageRecord]) -> list[str]:
    return [r.id for r in records.values() if r.role == "validation"]


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 200), st.integers(0, 99))
def test_single_images_meet_the_share(count: int, seed: int) -> None:
    found = assigned([record(n) for n in range(count)], seed)
    assert 0.15 * count <= len(validating(found)) <= 0.25 * count
    assert all(r.role_from == "rule" for r in found.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(0, 9))
def test_groups_stay_whole_and_the_share_is_not_passed(sizes: list[int], seed: int) -> None:
    groups = [f"patient:{g}" for g, size in enumerate(sizes) for _ in range(size)]
    found = assigned([record(n, group) for n, group in enumerate(groups)], seed)
    roles: dict[str, set[str]] = {}
    for r in found.values():
        roles.setdefault(r.group, set()).add(r.role)
    assert all(len(both) == 1 for both in roles.values())
    count, total = len(validating(found)), len(groups)
    # Beyond the share only where a whole group leaves no choice, and then nearer than without it
    assert count <= 0.25 * total or abs(count - 0.2 * total) < 0.2 * total
    if max(sizes) <= 0.1 * total:
        assert 0.15 * total <= count <= 0.25 * total


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 9))
def test_order_of_images_does_not_matter(order: list[int], seed: int) -> None:
    grades = ["benign", "malignant", None]
    records = [record(n, f"patient:{n // 2}", grade=grades[n % 3]) for n in range(12)]
    found = assigned([records[n] for n in order], seed)
    assert sorted(validating(found)) == sorted(validating(assigned(records, seed)))


def test_seeds_give_other_roles_and_the_same_again() -> None:
    records = [record(n) for n in range(40)]
    found = [tuple(sorted(validating(assigned(records, seed)))) for seed in range(5)]
    assert len(set(found)) == 5
    assert tuple(sorted(validating(assigned(records, 3)))) == found[3]


def test_grades_are_in_proportion() -> None:
    records = [record(n, grade="benign" if n < 60 else "malignant") for n in range(100)]
    found = assigned(records)
    assert Counter(found[i].grade for i in validating(found)) == {"benign": 12, "malignant": 8}


def test_groups_of_the_user_and_of_the_rule_are_kept() -> None:
    records = [
        record(0, "patient:a", role="validation", role_from="user"),
        record(1, "patient:a"),
        record(2, "patient:b", role="train", role_from="rule"),
        record(3, "patient:b"),
        record(4, "patient:c", role="excluded", role_from="user"),
        *(record(n) for n in range(5, 25)),
    ]
    found = assigned(records)
    assert [found[f"i{n}"].role for n in range(5)] == [
        "validation",
        "validation",
        "train",
        "train",
        "excluded",
    ]
    assert found["i0"].role_from == found["i4"].role_from == "user"
    assert 0.15 * 24 <= len(validating(found)) <= 0.25 * 24


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_share_stays_while_images_are_added(batches: list[int]) -> None:
    records: dict[str, ImageRecord] = {}
    for batch in batches:
        for _ in range(batch):
            new = record(len(records))
            records[new.id] = new
        before = {i: r.role for i, r in records.items() if r.role_from == "rule"}
        records |= by_id(with_roles(records, SHARES, 1))
        assert before == {i: records[i].role for i in before}
    if len(records) >= 20:
        assert 0.15 * len(records) <= len(validating(records)) <= 0.25 * len(records)


def test_ten_thousand_images() -> None:
    found = assigned([record(n, grade=str(n % 3)) for n in range(10_000)])
    assert 1500 <= len(validating(found)) <= 2500


def test_project_stores_roles_and_keeps_them(project: Project, pictures: Path, image_writer):
    done = project.assign_roles()
    roles = {i: r.role for i, r in project.images.items()}
    assert set(done.changed) == {i for i, role in roles.items() if role == "validation"}
    assert (len(done.changed), done.warnings) == (1, ())
    assert project.assign_roles(seed=project.facts.seed).changed == ()
    for number in range(14):
        image_writer(pictures / f"new_{number}.png", 100 + number)
    project.add_images(Dataset(pictures, items(pictures, "new"), None))
    project.close()
    with Project.open(project.folder) as again:
        assert {i: again.image(i).role for i in roles} == roles
        assert 3 <= sum(r.role == "validation" for r in again.images.values()) <= 5


def items(folder: Path, start: str, patient: str | None = None) -> tuple[Item, ...]:
    return tuple(
        Item(path.stem, path, None, patient=patient) for path in sorted(folder.glob(f"{start}*"))
    )


def test_new_images_of_a_patient_follow_it(empty: Project, tmp_path: Path, image_writer) -> None:
    for number in range(12):
        image_writer(tmp_path / "a" / f"x{number:02d}.png", number)
    for number in range(10):
        patient = items(tmp_path / "a", f"x{number:02d}", f"p{number}")
        empty.add_images(Dataset(tmp_path, patient, None))
    empty.assign_roles()
    chosen = next(r for r in empty.images.values() if r.role == "validation")
    (new,) = empty.add_images(
        Dataset(tmp_path, items(tmp_path / "a", "x10", chosen.group.removeprefix("patient:")), None)
    ).ids
    assert (empty.image(new).role, empty.image(new).group) == ("validation", chosen.group)


def test_user_may_split_a_group_and_is_warned(project: Project) -> None:
    project.set_group_rule(r"^(P\d)")
    groups = Counter(r.group for r in project.images.values())
    assert groups == {"pattern:P0": 2, "pattern:P1": 2, "pattern:P2": 2}
    first, second, *_ = project.images
    done = project.set_role([first], "validation")
    assert done.changed == (first,)
    assert len(done.warnings) == 1
    assert "pattern:P0 is split" in done.warnings[0]
    assert project.set_role([second], "validation").warnings == ()
    project.assign_roles()
    assert project.image(first).role == "validation"
    assert project.set_group_rule(None).warnings == ()
    assert project.set_role([first], "train").warnings == ()
    assert "is split" in project.set_group_rule(r"^(P\d)").warnings[0]


@pytest.mark.parametrize(
    ("rule", "sentence"), [("(", "no regular expression"), ("P.", "has no group")]
)
def test_a_rule_without_a_group_is_refused(project: Project, rule: str, sentence: str) -> None:
    with pytest.raises(ProjectError, match=sentence):
        project.set_group_rule(rule)
    assert project.facts.group_rule is None


def test_wrong_roles_and_shares(project: Project) -> None:
    with pytest.raises(ProjectError, match="is no role"):
        project.set_role(list(project.images), "boss")
    with pytest.raises(ProjectError, match="no image"):
        project.set_role(["nobody"], "train")
    with pytest.raises(ProjectError, match="no shares"):
        project.assign_roles((0.3, 0.2))


def test_too_few_images_are_told(empty: Project, tmp_path: Path, image_writer) -> None:
    image_writer(tmp_path / "a" / "x.png", 1)
    empty.add_images(Dataset(tmp_path, items(tmp_path / "a", "x"), None))
    done = empty.assign_roles()
    assert done.changed == ()
    assert "0 of 1 image validate" in done.warnings[0]


def test_draw_depends_on_names_and_seed_only() -> None:
    names = [f"n{n}" for n in range(20)]
    assert drawn(names, 1, 2) == drawn(reversed(names), 1, 2)
    assert drawn(names, 1, 2) != drawn(names, 1, 3)
    assert drawn("abcde", "known", 7) == ["b", "c", "e", "d", "a"]  # by sha256sum


@pytest.fixture
def ready(project: Project) -> Project:
    project.set_role(list(project.images)[3:], "validation")
    return project


def test_round_asks_for_the_first_and_a_quarter_to_validate(ready: Project) -> None:
    ids = list(ready.images)
    asked = ready.next_round([ids[2], ids[4], ids[0], ids[0], ids[1]], 2)
    assert asked.number == ready.round == ready.facts.round == 1
    assert asked.annotate == (ids[2], ids[0])
    assert len(asked.validate) == 1
    assert asked.validate[0] in ids[3:]
    marks = {r.id: (r.round, r.asked_for) for r in ready.images.values() if r.round}
    assert marks == {
        ids[2]: (1, "annotate"),
        ids[0]: (1, "annotate"),
        asked.validate[0]: (1, "validate"),
    }
    assert len(ready.next_round(ids, 5).validate) == 2


def test_round_passes_over_what_is_accepted(ready: Project, drawing) -> None:
    ids = list(ready.images)
    ready.accept(ids[0], *drawing(1))
    ready.save_draft(ids[1], *drawing(1))
    for image in ids[3:5]:
        ready.accept(image, *drawing(2))
    asked = ready.next_round(ids, 3)
    assert (asked.annotate, asked.validate) == ((ids[1], ids[2]), (ids[5],))
    for image in (ids[1], ids[2], ids[5]):
        ready.accept(image, *drawing(3))
    with pytest.raises(ProjectError, match="Nothing is left"):
        ready.next_round(ids, 3)
    assert ready.round == 1


def test_round_draws_by_seed_and_number(ready: Project) -> None:
    ids = list(ready.images)
    found = [ready.next_round(ids, 1).validate for _ in range(12)]
    assert len(set(found)) == 3
    assert found == [tuple(drawn(ids[3:], ready.facts.seed, n)[:1]) for n in range(1, 13)]


def test_round_refuses_nonsense(ready: Project) -> None:
    with pytest.raises(ProjectError, match="at least 1"):
        ready.next_round([], 0)
    with pytest.raises(ProjectError, match="no image 'nobody'"):
        ready.next_round(["nobody"], 1)
