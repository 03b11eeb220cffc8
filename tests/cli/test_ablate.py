"""``napari-qsa ablate``: what its options become; the work itself is tested in tests/simulation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.images.synthetic import write_synthetic_glas
from napari_qsa.simulation.ablation import AblationOptions
from napari_qsa.simulation.ablation_run import Ablation

SMALL = ("--folds", 3, "--start", 2, "--add", 2, "--network", "unet")


@pytest.fixture(scope="module")
def glas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glas")
    write_synthetic_glas(folder, 8, seed=4, shape=(64, 72))
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[AblationOptions]:
    """The options of ablations that give 0.8, and more with more networks, without any work."""
    found: list[AblationOptions] = []

    def run(self: Ablation, progress: Any) -> list[dict[str, Any]]:
        found.append(self.options)
        results = []
        for seed in range(self.options.seeds):
            for cell in self.options.cells():
                scores = {"object_dice": 0.8 + cell.members / 100, "f1": 0.7}
                results.append(
                    {
                        **{"suggestive": cell.suggestive, "segmentation": cell.segmentation},
                        **{"members": cell.members, "seed": seed, "picks": ["a"], "images": "0"},
                        **{
                            name: [{"name": "float", "start": 0, "stop": 9, "portion": None}]
                            for name in ("phases", "suggestive_phases")
                        },
                        "scores": {"pooled": scores, "image_mean": scores, "images": 3},
                    }
                )
        return results

    monkeypatch.setattr(Ablation, "run", run)
    return found


def test_options_are_taken_and_a_report_is_written(
    run: Callable[..., Any], glas: Path, tmp_path: Path, asked: list[AblationOptions]
) -> None:
    out = tmp_path / "runs"
    ran = run(
        *("ablate", glas, "--out", out, "--suggestive", "float-restarts, inq2,inq7,dorefa2"),
        *("--segmentation", "inq2,inq7", "--members", "1,3", "--portions", "0.5,1"),
        *("--network-option", "width=2", "--seeds", 1, *SMALL),
    )
    assert ran.code == 0
    (options,) = asked
    assert options.suggestive == ("float-restarts", "inq2", "inq7", "dorefa2")
    assert (options.members, options.portions) == ((1, 3), (0.5, 1.0))
    assert options.network_options == {"width": 2}
    text = (out / "report" / "README.md").read_text(encoding="utf-8")
    assert "0.830" in text  # of three networks
    document = json.loads((out / "report" / "ablation.json").read_text(encoding="utf-8"))
    assert len(document["cells"]) == len(options.cells())
    assert f"{len(options.cells())} cells in 3 charts" in ran.out


def test_a_number_that_is_given_twice_makes_one_chart(
    run: Callable[..., Any], glas: Path, tmp_path: Path, asked: list[AblationOptions]
) -> None:
    out = tmp_path / "runs"
    ran = run("ablate", glas, "--out", out, "--members", "1,1", "--seeds", 1, *SMALL)
    assert ran.code == 0, ran.err
    assert asked[0].members == (1,)


def test_a_list_that_is_none_of_numbers_is_refused(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    ran = run("ablate", glas, "--out", tmp_path / "runs", "--members", "one", *SMALL)
    assert ran.code == 2
    assert "--members" in ran.err


def test_an_unknown_scheme_is_one_sentence(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    ran = run("ablate", glas, "--out", tmp_path / "runs", "--suggestive", "inq44", *SMALL)
    assert ran.code == 2
    assert "'inq44'" in ran.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--against", "inq44"),
        ("--members", "0"),
        ("--portions", "0.5,0.4,1"),
        ("--activations", "u44"),
        ("--network-option", "depth=2"),
    ],
)
def test_a_wrong_option_is_named(
    run: Callable[..., Any], glas: Path, tmp_path: Path, option: str, value: str
) -> None:
    ran = run("ablate", glas, "--out", tmp_path / "runs", *SMALL, option, value)
    assert ran.code == 2
    assert option in ran.err
    assert not (tmp_path / "runs").exists()


def test_images_without_labels(run: Callable[..., Any], plain_images: Path, tmp_path: Path) -> None:
    ran = run("ablate", plain_images, "--out", tmp_path / "runs", "--part", "all", *SMALL)
    assert ran.code == 1
    assert "holds no labelled image: put NAME_anno.bmp" in ran.err
    assert not (tmp_path / "runs").exists()
