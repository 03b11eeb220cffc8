"""Which images count as annotated, and what is suggested."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.errors import DatasetError, QsaError
from napari_qsa.images import Dataset, Image, Item, open_dataset
from napari_qsa.metrics.member_scores import COLUMNS
from napari_qsa.session.annotated import annotated_names, require_work
from napari_qsa.session.query import QueryOptions, Scored, score_pool, suggest
from napari_qsa.session.reasons import NAMES
from napari_qsa.suggestion import strategy_names


@pytest.fixture
def pool(tmp_path: Path) -> Dataset:
    """Five images, the last with labels."""
    folder = tmp_path / "pool"
    folder.mkdir()
    for number in range(1, 6):
        imsave(folder / f"im{number}.png", np.full((6, 7, 3), 9 * number, np.uint8),
               check_contrast=False)  # fmt: skip
    imsave(folder / "im5_labels.png", np.ones((6, 7), np.uint8), check_contrast=False)
    return open_dataset(folder)


def listing(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "done.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_images_with_labels_are_annotated(pool: Dataset) -> None:
    assert annotated_names(pool) == {"im5"}
    assert annotated_names(pool, ignore_labels=True) == frozenset()


def test_a_list_says_exactly_which_are(pool: Dataset, tmp_path: Path) -> None:
    absolute = pool.items[2].image.absolute()
    path = listing(tmp_path, f"\ufeff# done\n\nim1\n  IM2.png \r\npool/im4.png\n{absolute}\n")
    assert annotated_names(pool, path) == {"im1", "im2", "im3", "im4"}
    assert annotated_names(pool, listing(tmp_path, "")) == frozenset()


def test_unknown_names_in_a_list_are_an_error(pool: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nobody, else"):
        annotated_names(pool, listing(tmp_path, "im1\nnobody\nelse\n"))
    with pytest.raises(DatasetError, match="cannot be read"):
        annotated_names(pool, tmp_path / "nothing.txt")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(DatasetError, match="cannot be read"):
        annotated_names(pool, binary)


def test_a_name_of_two_images_is_vague_but_a_page_is_not(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"
    items = (Item("a_x", one, None), Item("b_x", two, None))
    stack = tuple(Item(f"s_p{p}", tmp_path / "s.tif", None, page=p) for p in (0, 1))
    pool = Dataset(tmp_path, items + stack, None)
    with pytest.raises(DatasetError, match=r"one or another: x\.png"):
        annotated_names(pool, listing(tmp_path, "x.png"))
    assert annotated_names(pool, listing(tmp_path, "b/x.png\ns.tif")) == {"b_x", "s_p0", "s_p1"}
    assert annotated_names(pool, listing(tmp_path, "s_p1")) == {"s_p1"}


def test_nothing_to_do_is_said_before_the_work(pool: Dataset) -> None:
    require_work(pool, {"im1"})
    with pytest.raises(DatasetError, match="--annotated"):
        require_work(pool, {item.name for item in pool.items})


class ByGray:
    """An image is as uncertain as it is bright; its descriptor turns with it."""

    def predict(
        self,
        image: Image,
        pixel_size: float | None = None,
        tta: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Prediction:
        gray = float(image.pixels.mean()) / 255
        shape = image.pixels.shape[:2]
        flat = np.full(shape, gray, np.float32)
        descriptor = np.array([np.cos(gray), np.sin(gray)], np.float32)
        assert progress is not None
        progress(1, 1)
        return Prediction(flat, flat, flat, np.zeros(shape, np.int32), descriptor, 1.0)


def test_pool_is_scored_and_bad_images_do_not_stop_it(pool: Dataset) -> None:
    pool.items[1].image.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    told: list[float] = []
    scored, failed = score_pool(pool, ByGray(), report=lambda share, name: told.append(share))
    assert [each.item.name for each in scored] == ["im1", "im3", "im4", "im5"]
    assert scored[0].uncertainty == pytest.approx(9 / 255)
    assert [Path(each.file).name for each in failed] == ["im2.png"]
    assert told == [0.2, 0.6, 0.8, 1.0]


def scored_pool() -> list[Scored]:
    """Uncertainties .1 to .5; images 3 and 4 alike, and unlike 2."""
    vectors = [(1, 0), (0.9, 0.1), (0, 1), (0.6, 0.8), (0.62, 0.78)]
    return [
        Scored(Item(f"im{i}", Path(f"im{i}.png"), None), 0.1 * (i + 1), np.array(v, np.float32))
        for i, v in enumerate(vectors)
    ]


def test_answer_ranks_every_unannotated_image(pool: Dataset) -> None:
    answer = suggest(scored_pool(), {"im1"}, QueryOptions(k=2, candidates=3))
    assert answer.annotated == ("im1",)
    names = [each.item.name for each in answer.suggestions]
    assert sorted(names) == ["im0", "im2", "im3", "im4"]
    assert [each.rank for each in answer.suggestions] == [1, 2, 3, 4]
    assert [each.picked for each in answer.suggestions] == [True, True, False, False]
    assert {each.item.name for each in answer.suggestions if each.candidate} == {
        "im2",
        "im3",
        "im4",
    }
    first = answer.suggestions[0]
    assert first.gain is not None
    assert first.gain > 0
    assert f"stands for {first.represents}" in first.why
    assert answer.suggestions[2].why == "among the most uncertain"
    assert answer.suggestions[3].why == ""
    assert answer.coverage_after > answer.coverage_before


def test_strategy_and_options_are_passed_on() -> None:
    answer = suggest(scored_pool(), set(), QueryOptions(k=2, strategy="uncertainty"))
    assert [each.item.name for each in answer.suggestions] == ["im4", "im3", "im2", "im1", "im0"]
    assert not any(each.candidate for each in answer.suggestions)
    with pytest.raises(QsaError, match="no strategy"):
        suggest(scored_pool(), set(), QueryOptions(strategy="best"))


@pytest.mark.parametrize("strategy", strategy_names())
def test_why_says_what_decided(strategy: str) -> None:
    words = {
        "suggestive": r"uncertain \(number \d of 5\); stands for \d images?",
        "representative": r"stands for \d images?",
        "uncertainty": r"uncertain \(number 1 of 5\)",
        "entropy": r"undecided \(entropy 0\.9 bits\)",
        "bald": r"the networks contradict one another \(mutual information 0\.9 bits\)",
        "coreset": r"the nearest to the mean of all \(distance .*\)",
        "badge": r"would change the networks most \(gradient .*\)",
        "class_stratified": r"undecided where gland is predicted \(entropy .* bits\), with chance",
        "foreground_random": r"drawn at random, by its share of gland \(\d\d%\)",
        "random": "drawn at random",
    }
    pool = [
        replace(
            each,
            columns=dict.fromkeys(COLUMNS, 0.1 + 0.2 * place),
            embedding=np.array([place, 1], np.float32),
        )
        for place, each in enumerate(scored_pool())
    ]
    first, *_ = suggest(pool, set(), QueryOptions(k=1, candidates=2, strategy=strategy)).suggestions
    assert re.fullmatch(words[strategy], first.why), first.why
    assert NAMES[first.decided_by]
    assert (first.score is None) == (strategy == "random")


def test_uncertainty_that_is_nowhere_is_no_reason() -> None:
    pool = [replace(each, uncertainty=0.0) for each in scored_pool()]
    answer = suggest(pool, set(), QueryOptions(k=1, candidates=2))
    assert re.fullmatch(r"stands for \d images?", answer.suggestions[0].why)
    assert answer.suggestions[1].why == ""


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(QsaError, match="nothing to suggest"):
        suggest([], set(), QueryOptions())


def test_pages_of_a_labelled_stack_are_annotated(tmp_path: Path) -> None:
    """A stack counts page by page, each with the labels of its page."""
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((2, 8, 9, 3), np.uint8), photometric="rgb")
    tifffile.imwrite(tmp_path / "s_labels.tif", np.ones((2, 8, 9), np.uint8))
    assert len(annotated_names(open_dataset(tmp_path))) == 2
