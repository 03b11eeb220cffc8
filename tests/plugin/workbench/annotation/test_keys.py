"""The keys on the layers, pressed as napari presses them."""

from collections import Counter
from functools import partial

import pytest
from napari.layers import Image, Labels
from napari.utils.key_bindings import KeymapHandler, coerce_keybinding

from napari_qsa.plugin.workbench.annotate_parts import TOOLS
from napari_qsa.plugin.workbench.keys import BY_ACTION, KEYS, Keys
from napari_qsa.plugin.workbench.toolbox import Tool

ISSUE = {
    "next": "N",
    "back": "Shift+N",
    "accept_next": "Shift+Enter",
    "gland": "G",
    "split": "J",
    "merge": "K",
    "dont_know": "Q",
    "hide": "H",
    "heatmap": "U",
}


class Pressed(Counter):
    def press(self, layer, key):
        handler = KeymapHandler()
        handler.keymap_providers = [layer]
        return handler.press_key(key)


@pytest.fixture
def pressed():
    return Pressed()


@pytest.fixture
def keys(bench, pressed):
    def count(action):
        pressed[action] += 1

    return Keys(bench.layers, {key.action: partial(count, key.action) for key in KEYS})


def test_the_keys_are_those_of_the_guide():
    assert {action: BY_ACTION[action].shown for action in ISSUE} == ISSUE


@pytest.mark.parametrize("kind", ["image", "glands", "region"])
def test_each_key_does_one_thing_whichever_of_our_layers_is_active(bench, keys, pressed, kind):
    bench.open(0)
    for key in KEYS:
        assert pressed.press(bench.layers[kind], key.bound)
    assert pressed == {key.action: 1 for key in KEYS}


def test_keys_are_released_when_the_layers_go(bench, keys, pressed):
    bench.open(0)
    former = bench.layers.all()
    bench.open(1)
    for layer in former:
        assert not layer.keymap
    bench.viewer.layers.clear()
    now = bench.layers.all()
    assert now == ()
    assert not pressed


def test_keys_are_released_when_the_tab_goes(bench, keys):
    bench.open(0)
    keys.release()
    assert [layer for layer in bench.viewer.layers if layer.keymap] == []


def test_a_proposal_that_comes_later_has_the_keys_too(bench, keys, pressed, make_proposal):
    bench.open(0)
    bench.segmenter.shown.emit(make_proposal(bench.ids[0]))
    assert pressed.press(bench.layers["proposal"], "N")
    assert pressed["next"] == 1


@pytest.mark.parametrize("key", [k for k in KEYS if k.action not in ("undo", "redo")])
@pytest.mark.parametrize("kind", [Labels, Image])
def test_no_key_of_napari_is_taken(key, kind):
    assert coerce_keybinding(key.bound) not in kind.class_keymap


def test_buttons_show_the_keys_that_are_bound():
    shown = {tool: key for tool, _, key in TOOLS}
    wanted = {
        Tool.GLAND: "gland",
        Tool.SPLIT: "split",
        Tool.MERGE: "merge",
        Tool.DELETE: "delete",
        Tool.TAKE_OVER: "take_over",
        Tool.DONT_KNOW: "dont_know",
    }
    assert {tool: BY_ACTION[action].shown for tool, action in wanted.items()} == {
        tool: shown[tool] for tool in wanted
    }
