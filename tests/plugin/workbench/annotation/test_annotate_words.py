"""What the tab says: whether all is saved, and how far an image is."""

from types import SimpleNamespace

import pytest

from napari_qsa.plugin.workbench.annotate_words import ago, described, removed, saving_words
from napari_qsa.session.annotator import Saving


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s ago"), (3.2, "3 s ago"), (59.4, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago")],
)
def test_how_long_ago(seconds, words):
    assert ago(1000.0, 1000.0 + seconds) == words


def test_longer_ago_is_a_time_of_day():
    assert ago(0.0, 10_000.0).startswith("at ")


def test_a_clock_that_was_put_back_is_no_surprise():
    assert ago(1000.0, 900.0) == "0 s ago"


@pytest.mark.parametrize(
    ("saving", "words"),
    [
        (Saving(), ""),
        (Saving("dirty"), "● Changed, not saved yet"),
        (Saving("dirty", 5.0), "● Changed; saved 3 s ago"),
        (Saving("saving", 5.0), "… Saving"),
        (Saving("saved", 5.0), "✓ Saved 3 s ago"),
        (
            Saving("failed", 5.0, "The disk is full."),
            "⚠ Not saved, and kept here: The disk is full.",
        ),
    ],
)
def test_each_state_has_words_and_a_sign(saving, words):
    assert saving_words(saving, lambda when: "3 s ago") == words


def row(**facts):
    known = {"name": "slide", "page": None, "annotation": "none", "role": "train"}
    return SimpleNamespace(**(known | {"asked_for": None} | facts))


def told(row, read_only=False, notes=()):
    opened = SimpleNamespace(image_id="slide-1", read_only=read_only, notes=notes)
    return described(opened, SimpleNamespace(row=lambda _: row))


def test_an_image_is_described():
    assert told(row()) == ("slide", "○ Not annotated yet; for training.")
    title, about = told(row(page=2, annotation="draft", asked_for="validate"), True, ("A note.",))
    assert title == "slide, page 3"
    assert "Draft" in about
    assert "asked for: validate" in about
    assert "read-only" in about
    assert about.endswith("\nA note.")


def test_without_an_image_it_says_what_to_do():
    assert described(None, None)[1].startswith("Choose one")


def test_removed_layers_are_named_and_what_was_painted_is_safe():
    assert "saved" in removed(("glands",))
    assert removed(("image",)) == "The layer of the image left the window."
    assert "annotation" in removed(("image", "glands", "region"))
