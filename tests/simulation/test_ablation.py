"""What an ablation consists of: its cells, and schedules that do not depend on the bits."""

from __future__ import annotations

import pytest

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.schedule import phases
from napari_qsa.errors import QsaError
from napari_qsa.simulation.ablation import AblationOptions, Cell, family_and_bits

CONTROL = "float-restarts"


def _options(**changes: object) -> AblationOptions:
    values = {
        "suggestive": (CONTROL, "inq2", "inq7", "dorefa2"),
        "segmentation": (CONTROL, "inq2", "inq7"),
        "iterations": 200,
    }
    return AblationOptions(**{**values, **changes})  # type: ignore[arg-type]


def test_cells_are_those_of_the_three_charts_each_once() -> None:
    cells = _options().cells()
    suggestive = {
        Cell(scheme, other, 1)
        for scheme in (CONTROL, "inq2", "inq7", "dorefa2")
        for other in (CONTROL, "inq7")
    }
    segmentation = {
        Cell(other, scheme, members)
        for scheme in (CONTROL, "inq2", "inq7")
        for other in (CONTROL, "inq7")
        for members in (1, 5)
    }
    assert set(cells) == suggestive | segmentation
    # The four cells at the crossings of the charts with one network are in both.
    assert len(cells) == 8 + 12 - 4


def test_charts_come_in_the_order_of_the_paper() -> None:
    found = [(chart.varied, chart.members) for chart in _options().charts]
    assert found == [("suggestive", 1), ("segmentation", 1), ("segmentation", 5)]


@pytest.mark.parametrize("role", ["suggestive", "segmentation"])
def test_portions_and_iterations_are_equal_over_all_bits(role: str) -> None:
    options = _options(portions=(0.5, 0.75, 1.0))
    schemes = [
        *(CONTROL, "float-restarts2", "twn", "q0.3", "qpaper0.4"),
        *(f"inq{bits}" for bits in range(2, 9)),
        *(f"dorefa{bits}" for bits in range(1, 9)),
    ]
    plans = {phases(options.training(role, scheme, 0)) for scheme in schemes}  # type: ignore[arg-type]
    assert len(plans) == 1
    plan = plans.pop()
    assert plan[-1].stop == 200
    assert [phase.portion for phase in plan[-3:]] == [0.5, 0.75, 1.0]


def test_portions_of_the_schemes_own_would_differ() -> None:
    own = {phases(TrainingOptions(weights=f"inq{bits}", iterations=200)) for bits in (2, 3, 4, 5)}
    assert len(own) == 4


def test_trainings_of_one_side_differ_in_the_scheme_alone() -> None:
    options = _options()
    first, second = (options.training("segmentation", name, 3) for name in ("inq2", "inq7"))
    changed = {name for name, value in first.to_json().items() if value != second.to_json()[name]}
    assert changed == {"weights"}


def test_suggestive_networks_draw_bootstraps_and_segmentation_networks_all_images() -> None:
    options = _options(suggestive_members=3)
    suggestive, segmentation = (
        options.training(role, "inq4", 0) for role in ("suggestive", "segmentation")
    )
    assert (suggestive.bootstrap, suggestive.members) == (True, 3)
    assert (segmentation.bootstrap, segmentation.members) == (False, 5)


@pytest.mark.parametrize(
    ("scheme", "family", "bits"),
    [
        ("inq4", "inq", 4),
        ("q0.3", "q0.", 3),
        ("dorefa8", "dorefa", 8),
        ("float-restarts", "float-restarts", None),
    ],
)
def test_bits_are_read_off_the_name(scheme: str, family: str, bits: int | None) -> None:
    assert family_and_bits(scheme) == (family, bits)


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"suggestive": ()}, "suggestive"),
        ({"segmentation": ("inq9",)}, "inq9"),
        ({"members": (0, 5)}, "at least 1"),
        ({"fold": 5}, "Fold 5"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, object], about: str) -> None:
    with pytest.raises(QsaError, match=about):
        _options(**changes)
