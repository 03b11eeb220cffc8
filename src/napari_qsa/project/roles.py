"""Which images train and which validate: given once, by whole groups, and kept."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from napari_qsa.errors import ProjectError
from napari_qsa.project.draw import drawn
from napari_qsa.project.groups import check_rule, regrouped
from napari_qsa.project.records import ROLES, ImageRecord, Role
from napari_qsa.project.state import State
from napari_qsa.wording import counted, form

Records = Mapping[str, ImageRecord]


@dataclass(frozen=True)
class Assigned:
    """What became of roles.

    Attributes
    ----------
    changed : tuple of str
        Ids of the images that have another role now.
    warnings : tuple of str
    """

    changed: tuple[str, ...]
    warnings: tuple[str, ...]


def assign_roles(state: State, shares: tuple[float, float], seed: int | None) -> Assigned:
    """Give roles to all images that have none by rule or by the user, and remember the shares."""
    least, most = shares
    if not 0 <= least <= most <= 1:
        raise ProjectError(
            f"{least:g} to {most:g} are no shares: give two numbers from 0 to 1, the smaller first."
        )
    with state.writing():
        seed = state.facts.seed if seed is None else seed
        if seed < 0:
            raise ProjectError(f"The seed is {seed}; it must be at least 0.")
        if (state.facts.shares, state.facts.seed) != (shares, seed):
            state.put_facts(shares=shares, seed=seed)
        new = with_roles(state.records, shares, seed)
        changed = _put(state, new)
        return Assigned(changed, tuple(_share_warnings(state.records.values(), shares)))


def set_role(state: State, image_ids: Iterable[str], role: Role) -> Assigned:
    """Give images a role that no rule changes."""
    if role not in ROLES:
        raise ProjectError(f"{role!r} is no role: choose one of {', '.join(ROLES)}.")
    with state.writing():
        chosen = [state.record(image_id) for image_id in image_ids]
        new = [replace(record, role=role, role_from="user") for record in chosen]
        changed = _put(state, new)
        touched = {record.group for record in new}
        return Assigned(changed, tuple(split_warnings(state.records.values(), touched)))


def set_group_rule(state: State, rule: str | None) -> Assigned:
    """Group images of unknown patient by another pattern; roles stay, splits are told."""
    check_rule(rule)
    with state.writing():
        state.put_facts(group_rule=rule)
        _put(state, [replace(r, group=regrouped(r, rule)) for r in state.records.values()])
        return Assigned((), tuple(split_warnings(state.records.values())))


def with_roles(records: Records, shares: tuple[float, float], seed: int) -> list[ImageRecord]:
    """Give a role to each image that has none by rule or by the user yet.

    An image of a group in which roles were given gets that group's role. Whole new groups are
    then taken for validation, greedily: always the one that brings the number of validation
    images, in all and of each grade, nearest to the middle of the shares, equals at random, as
    long as this gets nearer or less than the least share is reached, and never beyond the most;
    unless even the smallest group is beyond it and one more is nearer to the middle than none.

    Returns
    -------
    list of ImageRecord
        All records that are changed, with ``role_from`` rule.
    """
    groups: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in records.values():
        groups[record.group].append(record)
    given = {name: found for name, members in groups.items() if (found := _role_of(members))}
    free = {
        name: [r for r in members if r.role != "excluded"]
        for name, members in groups.items()
        if name not in given and any(r.role_from == "default" for r in members)
    }
    included = [r for r in records.values() if r.role != "excluded"]
    validating = [
        r
        for r in included
        if (given.get(r.group) if r.role_from == "default" else r.role) == "validation"
    ]
    chosen = _greedy(included, validating, free, shares, seed)
    new: list[ImageRecord] = []
    for name, members in groups.items():
        role: Role = "validation" if name in chosen else given.get(name, "train")
        new += [
            replace(r, role=role, role_from="rule") for r in members if r.role_from == "default"
        ]
    return new


def split_warnings(
    records: Iterable[ImageRecord], groups: Iterable[str] | None = None
) -> list[str]:
    """Write a sentence for each group that is both trained and validated on."""
    roles: dict[str, set[Role]] = defaultdict(set)
    for record in records:
        roles[record.group].add(record.role)
    wanted = roles.keys() if groups is None else set(groups)
    return [
        f"The group {name} is split between training and validation: the validation will look "
        "better than it is; give all its images one role."
        for name in sorted(wanted)
        if {"train", "validation"} <= roles[name]
    ]


def _role_of(members: Sequence[ImageRecord]) -> Role | None:
    """Find the role that a group has: by rule, else by the user; None if neither gave one."""
    for source in ("rule", "user"):
        votes = Counter(r.role for r in members if r.role_from == source and r.role != "excluded")
        if votes:
            return "validation" if votes["validation"] > votes["train"] else "train"
    return None


def _greedy(
    included: Sequence[ImageRecord],
    validating: Sequence[ImageRecord],
    free: Mapping[str, Sequence[ImageRecord]],
    shares: tuple[float, float],
    seed: int,
) -> set[str]:
    least, most = (share * len(included) for share in shares)
    middle = sum(shares) / 2
    ideal = Counter(r.grade for r in included)
    load = Counter(r.grade for r in validating)
    # Groups of the same grades are as good as each other: only the first of a kind is weighed.
    kinds: dict[frozenset[tuple[str | None, int]], list[str]] = defaultdict(list)
    order = drawn(free, "roles", seed)
    for name in reversed(order):
        kinds[frozenset(Counter(r.grade for r in free[name]).items())].append(name)
    grades = {kind: Counter(dict(kind)) for kind in kinds}
    place = {name: number for number, name in enumerate(order)}

    def cost(more: Counter[str | None]) -> float:
        after = load + more
        misses = [after[grade] - middle * count for grade, count in ideal.items()]
        misses.append(after.total() - middle * len(included))
        return math.fsum(miss**2 for miss in misses)  # the same in any order

    def distance(more: int) -> float:
        return abs(load.total() + more - middle * len(included))

    chosen: set[str] = set()
    nothing: Counter[str | None] = Counter()
    while left := [kind for kind, names in kinds.items() if names]:
        fitting = [kind for kind in left if load.total() + grades[kind].total() <= most]
        if fitting:
            best = min(fitting, key=lambda kind: (cost(grades[kind]), place[kinds[kind][-1]]))
            if load.total() >= least and cost(grades[best]) >= cost(nothing):
                break
        else:
            best = min(left, key=lambda kind: (grades[kind].total(), place[kinds[kind][-1]]))
            if load.total() >= least or distance(grades[best].total()) >= distance(0):
                break
        chosen.add(kinds[best].pop())
        load += grades[best]
        if not fitting:
            break
    return chosen


def _share_warnings(records: Iterable[ImageRecord], shares: tuple[float, float]) -> list[str]:
    included = [r for r in records if r.role != "excluded"]
    count = sum(r.role == "validation" for r in included)
    if shares[0] * len(included) <= count <= shares[1] * len(included):
        return []
    validate = form(count, "validates", "validate")
    return [
        f"{count} of {counted(len(included), 'image')} {validate}, not {shares[0]:.0%} to "
        f"{shares[1]:.0%}: whole groups do not come nearer; add images, or set roles yourself."
    ]


def _put(state: State, new: Iterable[ImageRecord]) -> tuple[str, ...]:
    """Write the records that differ, and tell which have another role."""
    differing = [record for record in new if record != state.records[record.id]]
    changed = tuple(r.id for r in differing if r.role != state.records[r.id].role)
    if differing:
        state.put_records(differing)
    return changed
