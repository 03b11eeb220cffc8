"""Reports of results written by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_qsa.errors import QsaError
from napari_qsa.simulation.report import write_report
from napari_qsa.simulation.study import Study

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


def test_a_damaged_result_is_named(by_hand: Make) -> None:
    study = by_hand({"random": {0: [0.4, 0.5, 0.6]}})
    path = study.run_folder("random", 0) / "round-2.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(QsaError, match=r"round-2\.json is damaged"):
        write_report(study.folder)


def test_no_study_is_said(tmp_path: Path) -> None:
    with pytest.raises(QsaError, match="holds no study"):
        write_report(tmp_path)
