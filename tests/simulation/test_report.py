"""Reports of results written by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_qsa.errors import QsaError
from napari_qsa.simulation.arms import Arm
from napari_qsa.simulation.plots import Line, axis_of, draw_curves
from napari_qsa.simulation.report import write_report
from napari_qsa.simulation.statistics import Mean
from napari_qsa.simulation.study import SCHEMA, Study, write_json

Make = Callable[..., Study]


def test_known_figures(by_hand: Make) -> None:
    """Sizes 10, 20, 30; full supervision at 0.8, so 0.76 and 0.784 are asked for."""
    study = by_hand(
        {
            "foreground_random": {0: [0.4, 0.5, 0.6], 1: [0.5, 0.6, 0.7]},
            "SA": {0: [0.4, 0.7, 0.8], 1: [0.5, 0.6, 0.76]},
            "full": {0: [0.82], 1: [0.78]},
        }
    )
    page, facts = write_report(study.folder)
    scores = facts["scores"]["pixel_dice"]
    own = scores["arms"]["SA"]
    assert own["by_seed"] == {"0": [0.4, 0.7, 0.8], "1": [0.5, 0.6, 0.76]}
    assert facts["arms"]["SA"]["weights"] == "float"
    assert scores["full"]["value"] == pytest.approx(0.8)
    assert [mean["value"] for mean in own["rounds"]] == pytest.approx([0.45, 0.65, 0.78])
    assert own["area"]["value"] == pytest.approx((0.65 + 0.615) / 2)
    assert own["area"]["half"] == pytest.approx(12.7062 * 0.0175, abs=1e-4)
    difference = own["difference"]
    assert [mean["value"] for mean in difference["rounds"]] == pytest.approx([0.0, 0.1, 0.13])
    assert difference["rounds"][0]["half"] == pytest.approx(0.0, abs=1e-9)
    assert difference["rounds"][1]["half"] == pytest.approx(12.7062 * 0.1, abs=1e-3)
    assert difference["area"]["value"] == pytest.approx((0.15 + 0.015) / 2)
    assert own["labels_needed"]["0.95"] == pytest.approx(20 + 10 * 0.11 / 0.13)
    assert own["labels_needed"]["0.98"] is None
    assert "labels_needed" not in facts["scores"]["object_hausdorff"]["arms"]["SA"]
    text = page.read_text(encoding="utf-8")
    assert "28.5" in text
    assert "2 images of 2 other patients are scored" in text
    assert "not reached" in text
    assert "+0.130" in text
    for key in ("pixel_dice", "object_dice", "f1", "object_hausdorff"):
        assert f"]({key}.png)" in text
        assert (page.parent / f"{key}.png").read_bytes().startswith(b"\x89PNG")


def test_unfinished_seeds_are_named_and_do_not_count(by_hand: Make) -> None:
    study = by_hand({"random": {0: [0.4, 0.5, 0.6], 1: [0.9, 0.9]}, "uncertainty": {0: [0.4]}})
    page, facts = write_report(study.folder)
    assert facts["seeds"]["random"] == {"finished": [0], "unfinished": {"1": 2}}
    assert list(facts["scores"]["f1"]["arms"]) == ["random"]
    assert facts["scores"]["f1"]["arms"]["random"]["rounds"][0]["value"] == 0.4
    text = page.read_text(encoding="utf-8")
    assert "seed 1: 2 of 3" in text
    assert "seed 0: 1 of 3" in text


def test_a_study_without_results_has_a_report(by_hand: Make) -> None:
    page, facts = write_report(by_hand({"random": {}}).folder)
    assert facts["scores"]["f1"]["arms"] == {}
    assert "random" in page.read_text(encoding="utf-8")


def test_arms_are_compared_with_the_strategy_whatever_its_arm_is_called(by_hand: Make) -> None:
    study = by_hand({"SA": {0: [0.4, 0.7, 0.8]}, "zeta": {0: [0.4, 0.5, 0.6]}})
    write_json(
        study.folder / "arms" / "zeta.json",
        {"schema": SCHEMA, **Arm("zeta", "foreground_random").to_json()},
    )
    page, facts = write_report(study.folder)
    arms = facts["scores"]["f1"]["arms"]
    assert facts["baseline"] == "zeta"
    assert "difference" not in arms["zeta"]
    found = [mean["value"] for mean in arms["SA"]["difference"]["rounds"]]
    assert found == pytest.approx([0.0, 0.2, 0.2])
    assert "Difference to `zeta`" in page.read_text(encoding="utf-8")


def test_a_level_that_the_first_round_has_reached_is_an_upper_bound(by_hand: Make) -> None:
    study = by_hand({"random": {0: [0.77, 0.78, 0.79]}, "full": {0: [0.8]}})
    page, facts = write_report(study.folder)
    needed = facts["scores"]["f1"]["arms"]["random"]["labels_needed"]
    assert needed == {"0.95": 10.0, "0.98": pytest.approx(24.0)}
    text = page.read_text(encoding="utf-8")
    assert "| at most 10 | 24.0 |" in text
    assert "Full supervision (60 images): 0.800, 1 seed." in text


def test_one_seed_has_no_bar_and_two_equal_ones_have_one(tmp_path: Path) -> None:
    """A bar of no height would claim that the seeds agree."""
    drawn = []
    for half in (None, 0.0):
        points = [Mean(0.5, half, 1), Mean(0.7, half, 1)]
        draw_curves(tmp_path / "curve.png", [Line("random", (8, 16), points)], "images", "F1")
        drawn.append((tmp_path / "curve.png").read_bytes())
    assert drawn[0] != drawn[1]


def test_a_folder_that_is_no_seeds_is_passed_over(by_hand: Make) -> None:
    study = by_hand({"random": {0: [0.4, 0.5, 0.6]}})
    (study.run_folder("random", 0).parent / "seed-0 (copy)").mkdir()
    _, facts = write_report(study.folder)
    assert facts["seeds"]["random"] == {"finished": [0], "unfinished": {}}


def test_a_damaged_result_is_named(by_hand: Make) -> None:
    study = by_hand({"random": {0: [0.4, 0.5, 0.6]}})
    path = study.run_folder("random", 0) / "round-2.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(QsaError, match=r"round-2\.json is damaged"):
        write_report(study.folder)


def test_no_study_is_said(tmp_path: Path) -> None:
    with pytest.raises(QsaError, match="holds no study"):
        write_report(tmp_path)


def test_means_are_over_the_seeds_that_all_arms_have_finished(by_hand: Make) -> None:
    rows = {seed: [value] * 3 for seed, value in enumerate((0.4, 0.6, 0.8))}
    few = {0: [0.5] * 3, 1: [0.7] * 3}
    study = by_hand({"foreground_random": rows, "SA": rows, "random": few, "full": rows})
    page, facts = write_report(study.folder)
    assert facts["common_seeds"] == [0, 1]
    found = facts["scores"]["f1"]
    means = {name: arm["rounds"][0] for name, arm in found["arms"].items()}
    assert {name: mean["value"] for name, mean in means.items()} == pytest.approx(
        {"SA": 0.5, "foreground_random": 0.5, "random": 0.6}
    )
    assert {mean["n"] for mean in means.values()} == {2}
    assert found["full"]["value"] == pytest.approx(0.5)
    assert found["arms"]["SA"]["difference"]["area"]["n"] == 3
    assert found["arms"]["random"]["difference"]["area"]["n"] == 2
    text = page.read_text(encoding="utf-8")
    assert "the 2 seeds that every arm has finished: 0, 1." in text
    assert "Seed 2, which some have finished and others have not, is in differences" in text
    assert "reaches 12.7 standard errors" in text


def test_shares_of_full_supervision_are_over_its_own_seeds(by_hand: Make) -> None:
    arm = {0: [0.4, 0.6, 0.8], 1: [0.0, 0.0, 0.0]}
    page, facts = write_report(by_hand({"random": arm, "full": LEVEL}).folder)
    found = facts["scores"]["f1"]
    assert found["arms"]["random"]["rounds"][2]["value"] == pytest.approx(0.4)
    assert found["arms"]["random"]["labels_needed"]["0.95"] == pytest.approx(28.0)
    assert found["full"]["n"] == 1
    text = page.read_text(encoding="utf-8")
    assert "Full supervision has finished seed 0 of them" in text


def test_arms_without_a_common_seed_are_not_compared(by_hand: Make) -> None:
    page, facts = write_report(by_hand({"random": {0: [0.4] * 3}, "SA": {1: [0.5] * 3}}).folder)
    assert facts["common_seeds"] == []
    assert facts["scores"]["f1"]["arms"]["SA"]["rounds"][0]["value"] == 0.5
    text = page.read_text(encoding="utf-8")
    assert "**No seed is finished in all arms:**" in text
    assert "No arm goes by the strategy `foreground_random`" in text


def test_a_level_that_is_lost_again_is_said(by_hand: Make) -> None:
    study = by_hand({"random": {0: [0.79, 0.0, 0.0]}, "SA": {0: [0.79, 0.7, 0.8]}, "full": LEVEL})
    page, facts = write_report(study.folder)
    assert facts["scores"]["f1"]["arms"]["random"]["labels_kept"]["0.95"] is None
    text = page.read_text(encoding="utf-8")
    assert "| at most 10, not kept |" in text
    assert "| at most 10, for good 26.0 |" in text
    assert "**Not one gland was found in 2 of 6 rounds of the arms**" in text
    assert "random, seed 0: round 2, 3." in text


LEVEL = {0: [0.8]}


def test_the_page_says_how_the_study_was_made(by_hand: Make) -> None:
    study = by_hand({"random": {0: [0.4] * 3}, "full": LEVEL})
    study.add_arm(Arm("QSA", "suggestive", "inq4"))
    study.note_seeds(5)
    study.note_seeds(2)
    text = write_report(study.folder)[0].read_text(encoding="utf-8")
    assert "58 iterations in float, activations up to 63" in text
    assert "stages of portions 0.5, 0.75, 0.875, 1 up to 90" in text
    assert "in other trainings the portions are: `inq4` 0.3, 0.5, 0.8, 0.9, 0.95, 1." in text
    assert "as in the paper (`--paper`); `suggest` counts it" in text
    assert "5 were asked for." in text
    assert "Without a finished seed, and in no mean: QSA." in text
    assert "--arm QSA=suggestive:inq4" in text
    assert "--seeds 5" in text


def test_the_points_set_the_axis_and_not_the_bars(tmp_path: Path) -> None:
    """At two seeds an interval of the Dice may reach from -3 to 3."""
    low, high = axis_of([0.6, 0.7])
    assert 0.55 < low < 0.6
    assert 0.7 < high < 0.75
    assert axis_of([0.0, 0.0])[0] < 0 < axis_of([0.0, 0.0])[1]
    drawn = []
    for half in (0.5, 3.0):
        points = [Mean(0.6, half, 2), Mean(0.7, half, 2)]
        line = Line("random", (8, 16), points, [(0.55, 0.65), (0.7, 0.7)])
        level = (Mean(0.65, half, 2), "full")
        draw_curves(tmp_path / "curve.png", [line], "images", "F1", level)
        drawn.append((tmp_path / "curve.png").read_bytes())
    assert drawn[0] == drawn[1]
