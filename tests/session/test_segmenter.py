"""Segmenting images of a project and showing what was found, with an engine in this process."""

import threading

import numpy as np
import PIL.Image
import pytest

from napari_qsa.ensemble.card import read_card
from napari_qsa.ensemble.instances import find_instances
from napari_qsa.errors import ImageError
from napari_qsa.session.predicting import FLIPS
from napari_qsa.session.proposals import Rules, read_rules
from napari_qsa.session.segmenter import ProjectSegmenter
from napari_qsa.session.state import State

MODEL = "glas-segmentation"


@pytest.fixture
def segmenter(room):
    segmenter = ProjectSegmenter(room.desk)
    segmenter.seen, segmenter.kept = [], []
    segmenter.shown.connect(segmenter.seen.append)
    segmenter.predicted.connect(segmenter.kept.append)
    yield segmenter
    segmenter.close()


@pytest.fixture
def ids(project):
    return list(project.images)[:4]


def segment(room, segmenter, ids, **options):
    segmenter.segment(ids, **options)
    room.wait(segmenter)


def show(room, segmenter, image_id):
    segmenter.show(image_id)
    room.settle(segmenter)
    return segmenter.seen[-1]


def test_predictions_are_kept_and_shown(room, project, segmenter, ids):
    from fake_engine import predict

    segment(room, segmenter, ids)
    assert room.failures == []
    assert segmenter.status.message == "4 images segmented."
    assert segmenter.kept == ids
    assert project.predictions(MODEL) == set(ids)
    proposal = show(room, segmenter, ids[1])
    expected = predict(project.path_of(ids[1]), pixel_size=0.5)
    assert (proposal.image_id, proposal.model, proposal.pixel_size) == (ids[1], MODEL, 0.5)
    for name in ("labels", "probability", "uncertainty", "separator"):
        np.testing.assert_array_equal(getattr(proposal, name), getattr(expected, name))
    assert [gland.label for gland in proposal.glands] == [1]
    assert proposal.glands[0].area_um2 == (expected.labels > 0).sum() * 0.25


def test_what_was_predicted_is_not_predicted_again(room, project, segmenter, ids):
    segment(room, segmenter, ids[:2])
    segment(room, segmenter, ids)
    assert len(room.engine.asked) == 4
    assert segmenter.status.message == (
        "2 images segmented, 2 had been segmented by this model before."
    )
    segment(room, segmenter, ids[:1], again=True)
    assert len(room.engine.asked) == 5


def test_what_became_stale_is_predicted_again(room, project, segmenter, ids):
    segment(room, segmenter, ids)
    project.set_pixel_size(0.25)
    segment(room, segmenter, ids[:1])
    assert project.read_prediction(MODEL, ids[0]).pixel_size == 0.25
    segment(room, segmenter, ids[:2], tta=True)
    assert [args[-1] for *_, args in room.engine.asked[-2:]] == [True, True]
    assert FLIPS in project.read_prediction(MODEL, ids[0]).notes
    segment(room, segmenter, ids[:2], tta=True)
    segment(room, segmenter, ids[:2])
    assert len(room.engine.asked) == 4 + 1 + 2


def test_the_same_image_gives_the_same_file(room, project, segmenter, ids):
    path = project.folder / "predictions" / MODEL / f"{ids[0]}.tif"
    segment(room, segmenter, ids[:1])
    first = path.read_bytes()
    segment(room, segmenter, ids[:1], again=True)
    assert path.read_bytes() == first


def test_cancelled_in_the_middle_keeps_what_was_predicted(room, project, segmenter, ids):
    room.engine.hold_after = 2
    segmenter.segment(ids)
    room.inbox.run_until(lambda: bool(room.engine.held), 20)
    segmenter.cancel()
    room.wait(segmenter)
    assert segmenter.status.state is State.CANCELLED
    assert segmenter.status.message == "Cancelled; 2 images segmented."
    assert project.predictions(MODEL) == set(ids[:2])
    assert room.engine.held[0][0].cancelled()


def test_cancelled_before_it_began(room, project, segmenter, ids):
    segmenter.segment(ids)
    segmenter.cancel()
    room.settle(segmenter)
    assert segmenter.status.state is State.CANCELLED
    assert room.engine.asked == []


def test_bad_images_do_not_stop_the_others(room, project, pictures, segmenter, ids):
    (pictures / "slide_01.png").unlink()
    room.engine.errors["slide_02"] = ImageError("slide_02 is too dark.")
    segment(room, segmenter, ids)
    assert segmenter.status.state is State.DONE
    assert project.predictions(MODEL) == {ids[0], ids[3]}
    (failure,) = room.failures
    assert failure.startswith("2 images could not be segmented; the first:")
    assert "slide_01.png is missing" in failure


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_image_that_changes_while_it_is_predicted_keeps_nothing(
    room, project, pictures, segmenter, ids, confirmed
):
    room.engine.hold_after = 0
    segmenter.segment(ids[:1])
    room.inbox.run_until(lambda: bool(room.engine.held), 20)
    with PIL.Image.open(pictures / "slide_00.png") as image:
        image.rotate(180).save(pictures / "slide_00.png")
    if confirmed:
        project.confirm_changed(ids[0])
    room.engine.release()
    room.wait(segmenter)
    assert project.predictions(MODEL) == set()
    assert "changed" in room.failures[0]


def test_an_image_without_prediction_shows_nothing(room, segmenter, ids):
    assert show(room, segmenter, ids[0]) is None


def test_the_shown_image_is_shown_again_when_it_is_predicted(room, segmenter, ids):
    show(room, segmenter, ids[0])
    segment(room, segmenter, ids[:2])
    room.settle(segmenter)
    assert [proposal and proposal.image_id for proposal in segmenter.seen] == [None, ids[0]]


def test_of_several_images_asked_for_quickly_the_last_is_shown(room, segmenter, ids):
    segment(room, segmenter, ids)
    segmenter.seen.clear()
    for image_id in ids:
        segmenter.show(image_id)
    room.settle(segmenter)
    assert [proposal.image_id for proposal in segmenter.seen] == [ids[-1]]


def test_rules_make_the_glands_anew_and_stay_with_the_project(room, project, segmenter, ids):
    segment(room, segmenter, ids[:1])
    plain = show(room, segmenter, ids[0])
    assert plain.rules == Rules()
    area = plain.glands[0].area_um2
    segmenter.set_rules(None, area + 1)
    room.settle(segmenter)
    assert segmenter.seen[-1].glands == ()
    assert not segmenter.seen[-1].labels.any()
    segmenter.set_rules(0.95, None)
    room.settle(segmenter)
    assert segmenter.seen[-1].glands == ()
    segmenter.set_rules(0.05, 1.0)
    room.settle(segmenter)
    segmenter.set_rules(None, 1.0)
    room.settle(segmenter)
    more = segmenter.seen[-1]
    assert [gland.area_um2 for gland in more.glands] == [area, 6 * 8 * 0.25]
    assert read_rules(project, MODEL) == Rules(None, 1.0)
    stored = project.read_prediction(MODEL, ids[0])
    np.testing.assert_array_equal(stored.labels, plain.labels)
    again = show(room, segmenter, ids[0])
    np.testing.assert_array_equal(again.labels, more.labels)
    segmenter.set_rules(None, None)
    room.settle(segmenter)
    np.testing.assert_array_equal(segmenter.seen[-1].labels, plain.labels)
    assert read_rules(project, MODEL) == Rules()


def test_the_models_own_rules_are_those_of_its_card(room, project, segmenter, ids):
    segment(room, segmenter, ids[:1])
    plain = show(room, segmenter, ids[0])
    segmenter.set_rules(plain.own_rules.threshold, plain.own_rules.min_area_um2)
    room.settle(segmenter)
    own = segmenter.seen[-1]
    assert own.rules == plain.own_rules
    options = read_card(project.model_path(MODEL)).instances
    maps = plain.probability, plain.separator, 0.5, options, plain.uncertainty
    np.testing.assert_array_equal(own.labels, find_instances(*maps).labels)


def test_of_rules_in_quick_succession_only_the_last_is_worked_on(room, segmenter, ids, monkeypatch):
    segment(room, segmenter, ids[:1])
    show(room, segmenter, ids[0])
    segmenter.seen.clear()
    worked = []
    monkeypatch.setattr(
        "napari_qsa.session.proposals.find_instances",
        lambda *args: worked.append(args[3].threshold) or find_instances(*args),
    )
    gate = threading.Event()  # the lane is busy until all calls are there
    segmenter._lane.do(gate.wait)
    for percent in range(30, 90, 5):
        segmenter.set_rules(percent / 100, None)
    gate.set()
    room.settle(segmenter)
    assert worked == [0.85]
    assert [proposal.rules for proposal in segmenter.seen] == [Rules(0.85, None)]


@pytest.mark.parametrize("rules", [(1.5, None), (None, -1.0), (float("nan"), None)])
def test_rules_that_mean_nothing_are_refused(room, segmenter, ids, rules):
    segmenter.set_rules(*rules)
    assert len(room.failures) == 1
    assert segmenter.seen == []


def test_an_annotation_is_never_touched(room, project, segmenter, ids):
    glands = np.zeros(project.image(ids[0]).shape, np.uint16)
    glands[1:5, 1:5] = 9
    project.accept(ids[0], glands, np.ones_like(glands))
    segment(room, segmenter, ids[:1])
    show(room, segmenter, ids[0])
    segmenter.set_rules(0.2, 0.0)
    room.settle(segmenter)
    np.testing.assert_array_equal(project.read(ids[0]).glands, glands)
    assert len(project.history(ids[0])) == 1


def test_the_models_are_listed_with_what_is_in_use(
    room, project, segmenter, ensemble_maker, tmp_path
):
    room.settle(segmenter)
    room.inbox.run_until(lambda: bool(segmenter.models()), 20)
    shipped = {info.key: (info.role, info.in_use) for info in segmenter.models()}
    assert shipped == {
        "glas-segmentation": ("segmentation", True),
        "glas-suggestive": ("suggestive", True),
    }
    key = project.add_model(ensemble_maker(tmp_path / "own.safetensors"))
    project.use_model("segmentation", key)
    changed = []
    segmenter.models_changed.connect(lambda: changed.append(True))
    segmenter.look_for_models()
    room.inbox.run_until(lambda: bool(changed), 20)
    first = segmenter.models()[0]
    assert (first.key, first.in_use, first.members, first.when) == (key, True, 2, "2026-01-01")
    assert not next(i for i in segmenter.models() if i.key == MODEL).in_use
    assert segmenter.model == key


def test_another_model_has_predictions_of_its_own(
    room, project, segmenter, ids, ensemble_maker, tmp_path
):
    key = project.add_model(ensemble_maker(tmp_path / "own.safetensors"))
    segment(room, segmenter, ids[:1])
    segment(room, segmenter, ids[:1], model=key)
    assert len(room.engine.asked) == 2
    assert room.engine.asked[1][2][2] == str(project.model_path(key))
    assert show(room, segmenter, ids[0]).model == key
    segmenter.look_for_models()
    room.settle(segmenter)
    assert segmenter.seen[-1].model == MODEL


def test_a_model_that_is_gone_is_a_sentence(room, segmenter, ids):
    segment(room, segmenter, ids, model="gone")
    assert segmenter.status.state is State.FAILED
    assert "'gone'" in segmenter.status.message


def test_nothing_of_a_closed_project_is_shown(room, project, segmenter, ids):
    segment(room, segmenter, ids[:1])
    segmenter.seen.clear()
    segmenter.show(ids[0])
    room.desk.put_project(None)
    room.settle(segmenter)
    assert segmenter.seen == []
    assert segmenter.model is None
    assert segmenter.models() == ()
