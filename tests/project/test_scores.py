"""Numbers per image and model."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_qsa.ensemble.header import lay_out, make_header, read_file
from napari_qsa.errors import ProjectError
from napari_qsa.project import Project, Score


def score(project: Project, image: str, value: float, size: int = 4) -> Score:
    return Score(value, 3, np.full(size, value, np.float32), project.image(image).sampled_hash)


def same(one: dict[str, Score], two: dict[str, Score]) -> bool:
    return one.keys() == two.keys() and all(
        (a.uncertainty, a.n_glands, a.image_hash) == (b.uncertainty, b.n_glands, b.image_hash)
        and a.descriptor.dtype == b.descriptor.dtype
        and (a.descriptor == b.descriptor).all()
        for a, b in ((one[i], two[i]) for i in one)
    )


def test_scores_are_merged_and_read_again(project: Project) -> None:
    a, b, c, *_ = project.images
    assert project.read_scores("m") == {}
    old = {a: score(project, a, 0.1), b: score(project, b, 0.2)}
    project.save_scores("m", old)
    new = {b: score(project, b, 0.3), c: score(project, c, 0.4)}
    project.save_scores("m", new)
    assert same(project.read_scores("m"), old | new)
    assert project.read_scores("other") == {}
    path = project.folder / "scores" / "m" / "scores.safetensors"
    before = path.read_bytes()
    project.save_scores("m", {c: new[c], b: new[b]})
    assert path.read_bytes() == before, "the same scores, the same bytes"


def test_columns_and_embeddings_are_kept_of_those_that_have_them(project: Project) -> None:
    a, b, c, *_ = project.images
    known = {"entropy": 0.25, "foreground": 1.0}
    project.save_scores(
        "m",
        {
            a: replace(score(project, a, 0.1), columns=known, embedding=np.arange(6, dtype="f4")),
            b: score(project, b, 0.2),
            c: replace(score(project, c, 0.3), embedding=np.full(6, 7, np.float32)),
        },
    )
    found = project.read_scores("m")
    assert [dict(found[i].columns) for i in (a, b, c)] == [known, {}, {}]
    assert found[b].embedding is None
    np.testing.assert_array_equal(found[a].embedding, np.arange(6))
    np.testing.assert_array_equal(found[c].embedding, np.full(6, 7))
    np.testing.assert_array_equal(found[c].descriptor, np.full(4, 0.3, np.float32))


def test_a_file_of_an_earlier_release_is_read(project: Project) -> None:
    image = next(iter(project.images))
    old = score(project, image, 0.1)
    project.save_scores("m", {image: old})
    path = project.folder / "scores" / "m" / "scores.safetensors"
    header, data = read_file(path)
    document = json.loads(header.metadata["scores"])
    for values in document["images"]:
        del values["columns"], values["embedded"]
    entries, data = lay_out({"descriptors": old.descriptor[None]})
    path.write_bytes(make_header(entries, {"scores": json.dumps(document)}) + data)
    found = project.read_scores("m")
    assert same(found, {image: old})
    assert found[image].columns == {}
    assert found[image].embedding is None
    assert project.problems() == []


def test_scores_of_changed_images_are_ignored(project: Project, pictures, image_writer) -> None:
    a, b, *_ = project.images
    project.save_scores("m", {a: score(project, a, 0.1), b: score(project, b, 0.2)})
    image_writer(pictures / "P0_0.png", 99)
    project.confirm_changed(a)
    assert list(project.read_scores("m")) == [b]


@pytest.mark.parametrize(
    "wrong",
    [
        {"uncertainty": float("nan")},
        {"n_glands": -1},
        {"descriptor": np.array([np.inf], np.float32)},
        {"descriptor": np.zeros(4)},
        {"descriptor": np.zeros((2, 2), np.float32)},
        {"image_hash": "x"},
        {"columns": {"entropy": float("nan")}},
        {"embedding": np.zeros((2, 2), np.float32)},
        {"embedding": np.array([np.nan], np.float32)},
    ],
    ids=str,
)
def test_scores_that_are_none_are_refused(project: Project, wrong: dict[str, object]) -> None:
    image = next(iter(project.images))
    good = score(project, image, 0.5)
    with pytest.raises(ProjectError, match="predict the image again"):
        project.save_scores("m", {image: Score(**(vars(good) | wrong))})
    assert project.read_scores("m") == {}


def test_scores_of_two_lengths_and_of_no_model(project: Project) -> None:
    a, b, *_ = project.images
    project.save_scores("m", {a: score(project, a, 0.1)})
    with pytest.raises(ProjectError, match="cannot be of one model"):
        project.save_scores("m", {b: score(project, b, 0.1, 5)})
    with pytest.raises(ProjectError, match="is no key"):
        project.save_scores("../m", {a: score(project, a, 0.1)})
    with pytest.raises(ProjectError, match="no image 'nobody'"):
        project.save_scores("m", {"nobody": score(project, a, 0.1)})


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_damaged_scores_hold_nothing_and_are_told(project: Project, cut: int) -> None:
    image = next(iter(project.images))
    project.save_scores("m", {image: score(project, image, 0.1)})
    path = project.folder / "scores" / "m" / "scores.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    assert project.read_scores("m") == {}
    assert "scores.safetensors is damaged" in project.problems()[0]
    project.save_scores("m", {image: score(project, image, 0.2)})
    assert project.problems() == []
