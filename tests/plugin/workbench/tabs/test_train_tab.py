"""The tab that trains: the plan, the run, its curves, and what to do with its models."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_qsa.evaluation.model_comparison import ImagePair
from napari_qsa.plugin.workbench import preferences
from napari_qsa.plugin.workbench.compare import IntervalBar, headline, in_words
from napari_qsa.plugin.workbench.train_tab import TrainTab, size, time_left
from napari_qsa.plugin.workbench.train_tab import in_words as plan_in_words
from napari_qsa.plugin.workbench.training_form import TrainingForm
from napari_qsa.session.state import State
from napari_qsa.session.trainer import Curve, ModelComparison, Plan, ProjectTrainingOptions

pytestmark = pytest.mark.window


@pytest.fixture
def tab(workbench, viewer, qtbot):
    tab = TrainTab(workbench, viewer)
    qtbot.addWidget(tab)
    return tab


@pytest.fixture
def trainer(workbench):
    return workbench.trainer


@pytest.fixture
def planned(tab, trainer, qtbot):
    tab.show()
    qtbot.waitUntil(lambda: tab.start.isEnabled())
    return tab


def curve(start, points=25):
    places = tuple(range(20, 20 * points + 1, 20))
    loss = tuple(1 / (start + place) for place in places)
    return Curve(places, loss, places[::5], tuple(0.5 + place / 2000 for place in places[::5]))


def comparison(verdict="better", images=6, source="validation", low=0.01, high=0.07, **facts):
    pairs = tuple(ImagePair(str(n), 0.8, 0.84) for n in range(images))
    return ModelComparison(source, pairs, 0.8, 0.84, low, high, verdict, **facts)


def visible(*widgets):
    return [not widget.isHidden() for widget in widgets]


# -- what will be trained on


def test_the_plan_is_said_in_words(planned):
    assert planned.plan.text() == (
        "12 accepted images with 85 glands; 3 images to check the model with. "
        "Starts from glas-segmentation. The new model will take about 6.6 MB."
    )


def test_a_hidden_tab_reads_nothing(tab, workbench, trainer):
    workbench.pool.rows_changed.emit()
    assert not tab._soon.isActive()
    assert trainer.calls == []


def test_the_plan_follows_what_is_accepted(planned, workbench, trainer, qtbot):
    trainer.planned = Plan(13, 3, 90, (), 10.0, None, 6_600_000, None)
    workbench.pool.row_changed.emit("one")
    qtbot.waitUntil(lambda: planned.plan.text().startswith("13 accepted images with 90 glands"))
    assert "Starts anew." in planned.plan.text()


def test_without_an_accepted_image_nothing_can_be_trained(tab, trainer, qtbot):
    trainer.planned = Plan(0, 2, 0, ("a is missing, so it is not trained on.",), 10, None, 1, "x")
    tab.show()
    qtbot.waitUntil(lambda: "No accepted image" in tab.plan.text())
    assert "a is missing" in tab.plan.text()
    assert not tab.start.isEnabled()


def test_of_many_images_left_out_some_are_named():
    plan = Plan(1, 0, 1, tuple(f"{n} is missing." for n in range(5)), 10, None, 400_000, None)
    words = plan_in_words(plan)
    assert words.startswith("1 accepted image with 1 gland; no image to check the model with.")
    assert words.endswith("2 is missing.\n2 more are left out.")


def test_usually_it_takes_ten_minutes_and_the_rest_is_closed(planned, trainer):
    assert planned.form.advanced.content.isHidden()
    planned.start.click()
    name, options = trainer.calls[-1]
    assert name == "start"
    assert (options.minutes, options.iterations, options.members) == (10.0, None, 5)
    assert (options.weights, options.activations) == ("inq4", "u8")
    assert options.keep_running
    assert not options.from_scratch


def test_all_options_go_along(planned, trainer):
    form = planned.form
    form.advanced.title.click()
    assert not form.advanced.content.isHidden()
    form.minutes.setValue(25)
    form.members.setValue(3)
    form.weights.setCurrentIndex(form.weights.findData("inq5"))
    form.activations.setCurrentIndex(form.activations.findData("float"))
    form.keep_running.setChecked(False)
    form.from_scratch.setChecked(True)
    form.iterations.setValue(20)
    assert not form.minutes.isEnabled()
    planned.start.click()
    options = trainer.calls[-1][1]
    assert (options.minutes, options.iterations, options.members) == (25.0, 20, 3)
    assert (options.weights, options.activations) == ("inq5", "float")
    assert options.from_scratch
    assert not options.keep_running


def test_what_the_form_does_not_show_goes_along_too(planned, trainer):
    planned.form.base = ProjectTrainingOptions(seed=7, segmentation={"crop": 96})
    planned.start.click()
    options = trainer.calls[-1][1]
    assert (options.seed, options.segmentation, options.minutes) == (7, {"crop": 96}, 10.0)


def test_the_file_size_follows_the_options(planned, trainer, qtbot):
    trainer.calls.clear()
    planned.form.members.setValue(2)
    qtbot.waitUntil(lambda: len(trainer.calls) == 1)
    assert trainer.calls[0][1].members == 2


def test_an_answer_that_comes_late_is_dropped(workbench, viewer, trainer, qtbot):
    late = []
    trainer.plan = lambda then, options: late.append(then)
    tab = TrainTab(workbench, viewer)
    tab.show()
    qtbot.waitUntil(lambda: len(late) == 1)
    with qtbot.waitSignal(tab.destroyed):
        tab.deleteLater()
    late[0](trainer.planned)


# -- while it runs


def test_a_run_can_be_cancelled(planned, trainer, run_info):
    trainer.known = (run_info(status="running", seconds_left=400.0),)
    trainer.become(State.RUNNING, "Training network 2 of 5", 0.3)
    assert not planned.start.isEnabled()
    assert not planned.form.isEnabled()
    assert planned.work.bar.value() == 300
    assert planned.left.text() == "About 7 minutes left."
    planned.work.cancel.click()
    assert trainer.calls[-1] == ("cancel",)


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_what_was_stopped_can_be_resumed_or_discarded(planned, trainer, run_info, status):
    assert visible(planned.resume, planned.discard) == [False, False]
    trainer.put(run_info("old"), run_info("new", status))
    assert visible(planned.resume, planned.discard) == [True, True]
    planned.resume.click()
    planned.discard.click()
    assert trainer.calls[-2:] == [("resume", "new"), ("discard", "new")]
    trainer.become(State.RUNNING)
    assert visible(planned.resume, planned.discard) == [False, False]


def test_a_failure_is_shown_and_kept(planned, trainer):
    trainer.become(State.FAILED, "The disk is full: make room, then resume.")
    assert "make room" in planned.work.error.message.text()
    trainer.changed.emit()
    assert not planned.work.error.isHidden()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (20.0, "Less than a minute left."), (61.0, "About 1 minute left.")],
)
def test_time_left(seconds, words):
    assert time_left(seconds) == words


def test_sizes():
    assert (size(6_640_000), size(90_000)) == ("6.6 MB", "90 kB")


# -- curves


def test_curves_can_be_read_from_the_plot(tab, trainer):
    assert visible(tab.curves, tab.slot) == [False, False]
    trainer.curves = {("segmentation", member): curve(member + 1) for member in range(5)}
    trainer.curves_changed.emit()
    assert visible(tab.curves, tab.slot) == [True, True]
    for member in range(5):
        points = tab.curves.points("loss", member)
        assert len(points) >= 20
        np.testing.assert_allclose(points[:, 0], curve(member + 1).iterations)
        np.testing.assert_allclose(points[:, 1], curve(member + 1).loss)
        dice = tab.curves.points("dice", member)
        np.testing.assert_allclose(dice[:, 1], curve(member + 1).dice)
        line = tab.curves.axes["loss"].lines[member]
        np.testing.assert_allclose(line.get_xydata(), points)


def test_networks_differ_in_colour_and_in_line(tab, trainer):
    trainer.curves = {("segmentation", member): curve(1) for member in range(6)}
    trainer.curves_changed.emit()
    lines = tab.curves.lines["loss"].values()
    assert len({line.get_color() for line in lines}) == 6
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 6


def test_curves_grow_and_shrink_with_the_run(tab, trainer):
    trainer.curves = {("segmentation", member): curve(1, 2) for member in range(3)}
    trainer.curves_changed.emit()
    trainer.curves = {("segmentation", 1): curve(1, 30)}
    trainer.curves_changed.emit()
    assert list(tab.curves.lines["loss"]) == [1]
    assert len(tab.curves.points("loss", 1)) == 30
    assert len(tab.curves.axes["loss"].lines) == 1
    low, high = tab.curves.axes["loss"].get_xlim()
    assert low < 20
    assert 600 < high < 700


def test_one_sees_how_far_the_training_is(tab, trainer):
    trainer.curves = {
        ("segmentation", 0): replace(curve(1), total=2000, dice=(), dice_iterations=())
    }
    trainer.curves_changed.emit()
    assert tab.curves.axes["dice"].get_xlim() == (0, 2000)
    assert tab.curves.axes["dice"].get_ylim() == (0, 1)
    trainer.curves = {("segmentation", 0): Curve()}
    trainer.curves_changed.emit()
    assert tab.curves.isHidden()


def test_a_short_training_has_whole_iterations_on_its_axis(tab, trainer):
    places = tuple(range(1, 21))
    short = Curve(places, tuple(1 / place for place in places), total=20)
    trainer.curves = {("segmentation", 0): short}
    trainer.curves_changed.emit()
    ticks = tab.curves.axes["dice"].get_xticks()
    assert 3 <= len(ticks) <= 12
    assert all(tick == round(tick) for tick in ticks)


def test_curves_are_there_again_in_a_new_tab(workbench, viewer, qtbot, trainer):
    trainer.curves = {("suggestive", 0): curve(1)}
    for _ in range(2):
        tab = TrainTab(workbench, viewer)
        assert len(tab.curves.points("loss", 0)) == 25
        tab.deleteLater()
        qtbot.waitUntil(lambda: len(trainer.curves_changed) == 0)


def test_the_model_that_is_being_trained_is_shown_unless_one_is_chosen(tab, trainer):
    trainer.curves = {("suggestive", 0): curve(1)}
    trainer.curves_changed.emit()
    assert tab.slot.currentData() == "suggestive"
    trainer.curves = {("suggestive", 0): curve(1), ("segmentation", 0): curve(2)}
    trainer.curves_changed.emit()
    assert tab.slot.currentData() == "segmentation"
    tab.slot.setCurrentIndex(1)
    tab.slot.activated.emit(1)
    trainer.curves_changed.emit()
    assert tab.slot.currentData() == "suggestive"
    np.testing.assert_allclose(tab.curves.points("loss", 0)[:, 1], curve(1).loss)


def test_curves_follow_the_theme(tab, viewer, trainer):
    trainer.curves = {("segmentation", 0): curve(1)}
    trainer.curves_changed.emit()
    seen = set()
    for theme in ("dark", "light"):
        viewer.theme = theme
        plot = tab.curves
        seen.add((plot.figure.get_facecolor(), plot.lines["loss"][0].get_color()))
    assert len(seen) == 2


# -- the end


def test_a_finished_run_waits_for_a_choice(tab, trainer, run_info):
    assert tab.comparison.isHidden()
    trainer.put(run_info("new"), new=comparison())
    assert visible(tab.comparison, tab.comparison.bar) == [True, True]
    assert visible(tab.comparison.use, tab.comparison.keep, tab.comparison.back) == [
        True,
        True,
        False,
    ]
    tab.comparison.use.click()
    tab.comparison.keep.click()
    assert trainer.calls == [("adopt", "new"), ("discard", "new")]


def test_a_model_in_use_can_be_left_again(tab, workbench, trainer, run_info):
    use = SimpleNamespace(key="abc")
    workbench.desk.project.facts.slots = {"segmentation": (use,), "suggestive": (use,)}
    trainer.put(run_info("new", "adopted"), new=comparison())
    assert visible(tab.comparison.use, tab.comparison.keep, tab.comparison.back) == [
        False,
        False,
        True,
    ]
    assert not tab.comparison.used_already.isHidden()
    tab.comparison.back.click()
    assert trainer.calls == [("back", "suggestive"), ("back", "segmentation")]


def test_a_discarded_run_is_not_asked_about(tab, trainer, run_info):
    trainer.put(run_info("new", "discarded"), new=comparison())
    assert tab.comparison.isHidden()


def test_a_comparison_in_plain_words():
    assert headline(comparison()) == "The new model is better."
    words = in_words(comparison())
    assert "new 0.84, current 0.80" in words
    assert "between +0.01 and +0.07" in words
    assert "Measured on 6 images that neither model learned from." in words


def test_too_few_images_say_so_and_what_to_do():
    found = comparison("too few to tell", 3, "out of bag", -0.02, 0.05, notes=("Note.",))
    assert headline(found) == "Too few images to tell which model is better."
    words = in_words(found)
    assert "between \N{MINUS SIGN}0.02 and +0.05" in words
    assert "did not learn from it" in words
    assert "Accept more of the images" in words
    assert words.endswith("Note.")


def test_one_image_has_no_interval():
    found = comparison("too few to tell", 1, low=0.04, high=0.04)
    assert "+0.04" not in in_words(found)
    assert "One image says nothing about others." in in_words(found)


def test_no_image_to_compare_on(tab, trainer, run_info):
    found = ModelComparison("none", notes=("No image is left to compare on.",))
    trainer.put(run_info("new"), new=found)
    assert tab.comparison.headline.text() == "There is no image to compare the models on."
    assert "0.00" not in tab.comparison.words.text()
    assert visible(tab.comparison.bar, tab.comparison.use) == [False, True]


def test_the_picture_of_an_interval_has_zero_in_its_middle(qtbot):
    bar = IntervalBar()
    qtbot.addWidget(bar)
    bar.resize(200, 46)
    bar.put(comparison(low=-0.01, high=0.05))
    assert bar.place(0.0) == 100
    assert 0 < bar.place(-0.01) < 100 < bar.place(0.05) < 200
    assert not bar.grab().isNull()


def test_it_starts_with_the_preferred_time_and_networks(qtbot, monkeypatch):
    preferred = {"minutes": 1, "members": 3}
    monkeypatch.setattr(preferences, "get", lambda group, name: preferred[name])
    form = TrainingForm()
    qtbot.addWidget(form)
    assert (form.options().minutes, form.options().members) == (1.0, 3)
    assert form.minutes.text() == "1 minute"
    form.minutes.setValue(90)
    assert form.minutes.text() == "90 minutes"
