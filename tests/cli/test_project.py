"""``napari-qsa project`` and ``images``: made, looked at, filled, gone through."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

from napari_qsa.project import Project
from napari_qsa.session import samples


def test_a_project_of_a_folder(run: Callable[..., Any], glas: Path, tmp_path: Path) -> None:
    folder = tmp_path / "glands.qsa"
    ran = run("project", "new", folder, glas, "--name", "Glands", "--seed", 4, "--json")
    assert ran.code == 0
    assert ran.err == ""
    made = ran.document
    assert (made["name"], made["seed"], made["project"]) == ("Glands", 4, str(folder))
    assert made["counts"]["images"] == 4
    assert made["counts"]["train"] + made["counts"]["validation"] == 4
    assert made["counts"]["validation"] == 1
    assert made["models"] == {"suggestive": "glas-suggestive", "segmentation": "glas-segmentation"}
    assert run("project", "status", folder, "--json").document == made
    told = run("project", "status", folder, "--images").out
    assert "3 train, 1 validation" in told
    assert all(row["id"] in told for row in made["images"])


def test_bad_files_are_named_and_the_others_are_there(
    run: Callable[..., Any], plain_images: Path, tmp_path: Path
) -> None:
    ran = run("project", "new", tmp_path / "a.qsa", plain_images, "--pixel-size", 0.5)
    assert ran.code == 0
    (line,) = ran.err.splitlines()
    assert line.startswith(f"Warning: {plain_images / 'im9.png'} is truncated or damaged")
    assert line.endswith("copy or export it again.")
    assert "images       3" in ran.out
    with Project.open(tmp_path / "a.qsa") as project:
        assert project.facts.pixel_size == 0.5


def test_an_unknown_pixel_size_is_said_with_what_is_assumed_and_how_to_set_it(
    run: Callable[..., Any], plain_images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a.qsa"
    made = run("project", "new", folder, plain_images)
    assert made.code == 0
    line = (
        "unknown of 3 images: 0.62 µm, that of the model's training images, is assumed; set it by "
        f"`napari-qsa project set {folder} --pixel-size UM`\n"
    )
    assert made.out.count(line) == 1
    assert line in run("project", "status", folder).out
    found = run("project", "status", folder, "--json").document
    assert (found["pixel_size_unknown"], found["pixel_size_assumed_um"]) == (3, 0.62)
    told = run("project", "set", folder, "--pixel-size", 0.4)
    assert told.code == 0
    assert "0.4 µm where an image does not say its own" in told.out
    with Project.open(folder) as project:
        assert project.facts.pixel_size == 0.4


def test_images_belong_together_by_a_pattern(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number, name in enumerate(("a_1", "a_2", "b_1", "b_2", "c_1", "c_2")):
        pixels = np.full((20, 24, 3), 9 * number, np.uint8)
        imsave(data / f"{name}.png", pixels, check_contrast=False)
    folder = tmp_path / "a.qsa"
    ran = run("project", "new", folder, data, "--group-pattern", "^([a-c])", "--json")
    roles: dict[str, set[str]] = {}
    for row in ran.document["images"]:
        roles.setdefault(row["name"][0], set()).add(row["role"])
    assert sorted(map(sorted, roles.values())) == [["train"], ["train"], ["validation"]]
    ran = run("project", "set", folder, "--group-pattern", "_([12])$")
    assert ran.code == 0
    assert "Warning: The group pattern:1 is split" in ran.err
    wrong = run("project", "set", folder, "--group-pattern", "^a")
    assert (wrong.code, "has no group" in wrong.err) == (1, True)
    assert run("project", "set", folder).code == 2


def test_files_that_are_left_out_are_no_error_unless_there_is_nothing_else(
    run: Callable[..., Any], plain_images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a.qsa"
    run("project", "new", folder)
    ran = run("project", "import", folder, plain_images)
    assert ran.code == 0
    assert "im9.png" in ran.err
    assert ran.out == "3 images added.\n"
    ran = run("project", "import", folder, plain_images, "--json")
    assert ran.code == 0
    assert (ran.document["added"], ran.document["known"]) == ([], 3)
    assert len(ran.document["left_out"]) == 1
    ran = run("project", "import", folder, plain_images / "im9.png")
    assert ran.code == 1
    assert "im9.png is truncated or damaged" in ran.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["project", "new", "glands"], "call the folder NAME.qsa"),
        (["project", "new", "there.qsa"], "is a project already"),
        (["project", "new", "new.qsa", "nowhere"], "nowhere"),
        (["project", "status", "nowhere.qsa"], "nowhere.qsa"),
        (["project", "import", "there.qsa", "nowhere"], "nowhere"),
        (["images", "set", "there.qsa", "slide", "--role", "train"], "no image 'slide'"),
        (["images", "set", "there.qsa", "s*", "--role", "train"], "no image 's*'"),
        (["annotation", "history", "there.qsa", "slide"], "no image 'slide'"),
        (["model", "use", "there.qsa", "best"], "no model 'best'"),
        (["model", "use", "there.qsa", "--back", "--for", "segmentation"], "No model was used"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence(
    arguments: list[str],
    reason: str,
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Project.create("there.qsa", "There").close()
    ran = run(*arguments)
    assert ran.code == 1
    assert reason in ran.err
    assert all(line.startswith("Error: ") for line in ran.err.splitlines())
    assert not (tmp_path / "new.qsa").exists()


def test_a_project_in_use_is_read_and_not_changed(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    run("project", "new", tmp_path / "a.qsa", glas)
    with Project.open(tmp_path / "a.qsa"):
        assert run("project", "status", tmp_path / "a.qsa").code == 0
        assert run("project", "next", tmp_path / "a.qsa").code == 0
        ran = run("images", "set", tmp_path / "a.qsa", "train_1", "--role", "excluded")
    assert ran.code == 1
    assert "is in use by" in ran.err
    assert "read-only" in ran.err


def test_images_are_added_once_with_their_labels(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a.qsa"
    run("project", "new", folder, glas / "train_1.bmp")
    ran = run("project", "import", folder, glas, "--json")
    assert ran.code == 0
    assert len(ran.document["added"]) == 3
    assert ran.document["known"] == 1
    assert ran.document["accepted"] == []
    assert run("project", "status", folder, "--json").document["counts"]["none"] == 4
    ran = run("project", "import", folder, glas, "--accept-labels", "--json")
    assert ran.code == 0
    assert (ran.document["added"], ran.document["known"]) == ([], 4)
    assert len(ran.document["accepted"]) == 4
    assert run("project", "status", folder, "--json").document["counts"]["accepted"] == 4
    with Project.open(folder) as project:
        for record in project.images.values():
            found = project.read(record.id)
            assert np.array_equal(found.glands, imread(glas / f"{record.name}_anno.bmp"))
            assert (found.region == 1).all()


def test_labels_never_replace_what_was_painted(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a.qsa"
    run("project", "new", folder, glas)
    with Project.open(folder) as project:
        image = next(r for r in project.images.values() if r.name == "train_1")
        painted = np.zeros(image.shape, np.uint16)
        painted[2:9, 3:8] = 7
        project.save_draft(image.id, painted, painted * 0)
    ran = run("project", "import", folder, glas, "--accept-labels", "--json")
    assert ran.document["kept"] == [image.id]
    assert len(ran.document["accepted"]) == 3
    with Project.open(folder) as project:
        assert np.array_equal(project.read(image.id).glands, painted)
        assert project.summary(image.id).status == "draft"


def test_labels_of_another_size_are_named(
    run: Callable[..., Any], plain_images: Path, tmp_path: Path
) -> None:
    (plain_images / "im9.png").unlink()
    imsave(plain_images / "im0_labels.png", np.ones((9, 9), np.uint8), check_contrast=False)
    tifffile.imwrite(plain_images / "im1_labels.tif", np.zeros((64, 72), np.uint16))
    ran = run("project", "new", tmp_path / "a.qsa", plain_images, "--accept-labels", "--json")
    assert ran.code == 1
    assert "im0_labels.png has 9 x 9 pixels" in ran.err
    assert ran.document["counts"]["accepted"] == 1


def test_what_comes_next(run: Callable[..., Any], glas: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a.qsa"
    run("project", "new", folder, glas)
    with Project.open(folder) as project:
        train = [record.id for record in project.images.values() if record.role == "train"]
        asked = project.next_round([train[-1]], 1)
    document = run("project", "next", folder, "--json").document
    assert document["waiting"] == 4
    first = document["next"]
    assert first["id"] in (*asked.annotate, *asked.validate)
    assert Path(first["file"]).parent == glas
    assert "round 1" in run("project", "next", folder).out
    run("project", "import", folder, glas, "--accept-labels")
    assert run("project", "next", folder, "--json").document == {"next": None, "waiting": 0}
    assert "No image waits" in run("project", "next", folder).out


def test_roles_by_name_id_and_pattern(run: Callable[..., Any], glas: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a.qsa"
    made = run("project", "new", folder, glas, "--json").document
    ids = {row["name"]: row["id"] for row in made["images"]}
    ran = run(
        *("images", "set", folder, "train_1", ids["train_1"], "test*", "--role", "excluded"),
        "--json",
    )
    assert ran.code == 0
    assert ran.document["images"] == [ids["train_1"], ids["testA_1"]]
    assert sorted(ran.document["changed"]) == sorted(ran.document["images"])
    again = run("images", "set", folder, "train_1", "--role", "excluded")
    assert "0 of 1 image have a new role" in again.out
    rows = run("project", "status", folder, "--json").document["images"]
    roles = {row["name"]: row["role"] for row in rows}
    assert {name for name, role in roles.items() if role == "excluded"} == {"train_1", "testA_1"}


def test_a_patient_on_both_sides_is_told(run: Callable[..., Any], tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (2, 40, 40, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="rgb")
    folder = tmp_path / "a.qsa"
    run("project", "new", folder, tmp_path / "stack.tif")
    ran = run("images", "set", folder, "stack_p0001", "--role", "train")
    ran = run("images", "set", folder, "stack_p0002", "--role", "validation", "--json")
    assert ran.code == 0
    assert len(ran.document["warnings"]) == 1


def test_a_name_of_several_images_is_refused(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a.qsa"
    pixels = imread(glas / "train_1.bmp")
    for number, place in enumerate(("one", "two")):
        (tmp_path / place).mkdir()
        changed = pixels.copy()
        changed[0, 0] = number
        imsave(tmp_path / place / "slide.png", changed, check_contrast=False)
    run("project", "new", folder, tmp_path / "one")
    run("project", "import", folder, tmp_path / "two")
    ran = run("images", "set", folder, "slide", "--role", "train")
    assert ran.code == 1
    assert "2 images" in ran.err
    assert ran.err.count("slide-") == 2


@pytest.mark.slow
def test_sample_images(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert samples.DRAWN >= 10, "enough for a round"
    monkeypatch.setattr(samples, "DRAWN", 3)  # they take a second each
    ran = run("project", "new", tmp_path / "try.qsa", "--samples", "--json")
    assert ran.code == 0
    assert ran.document["counts"]["images"] in (3, 4)
    assert ran.document["counts"]["accepted"] == 0
