"""The Images dock: choosing, opening, filtering, roles, and ten thousand images."""

from types import SimpleNamespace

import pytest
from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtTest import QTest

from napari_qsa.plugin.workbench import images_dock, projects
from napari_qsa.plugin.workbench.images_delegate import (
    FILM,
    LEAST_THUMB,
    THUMB,
    badges,
    film_size,
)
from napari_qsa.session.pool import Row

pytestmark = pytest.mark.window
ROWS = (
    Row("a", "first", annotation="accepted", role="train"),
    Row("b", "second", role="validation", presence="changed"),
    Row("c", "third", role="train", presence="missing"),
)
PROJECT = SimpleNamespace(read_only=False, problems=list)


@pytest.fixture
def dock(plain_room, qtbot):
    made = images_dock.ImagesDock(plain_room)
    qtbot.addWidget(made)
    made.resize(800, 190)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def filled(dock, plain):
    plain.desk.put_project(PROJECT)
    plain.pool.put(*ROWS)
    return dock


def centre(view, dock, image_id):
    return view.visualRect(dock.model.place_of(image_id)).center()


def click(view, dock, image_id, keys=Qt.KeyboardModifier.NoModifier):
    place = centre(view, dock, image_id)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, keys, place)


def texts(menu):
    return [action.text() for action in menu.actions()]


def test_without_a_project_it_says_where_one_comes_from(dock):
    assert dock.views.currentWidget() is dock.empty
    assert "QSA dock" in dock.empty.text()
    assert not dock.add.isEnabled()


def test_an_empty_project_and_an_empty_filter_say_so(dock, plain):
    plain.desk.put_project(PROJECT)
    assert dock.empty.text() == "No images yet."
    assert dock.add.isEnabled()
    plain.pool.put(*ROWS)
    assert dock.views.currentWidget() is dock.film
    dock.search.setText("nothing is called so")
    assert dock.views.currentWidget() is dock.empty
    assert dock.empty.text() == "No image is like that."


def test_it_counts(filled):
    assert filled.counted.text() == "3 images · 1 accepted"
    filled.kept.setCurrentText("Accepted")
    assert filled.counted.text() == "1 of 3 images · 1 accepted"


@pytest.mark.parametrize("name", ["filmstrip", "table"])
def test_a_double_click_opens(filled, plain, name):
    filled.show_view(name)
    view = filled.view
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, filled, "b"))
    assert plain.pool.current is None
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, filled, "b"))
    assert plain.pool.current == "b"


def test_return_opens_the_chosen_image(filled, plain):
    click(filled.film, filled, "c")
    QTest.keyClick(filled.film, Qt.Key.Key_Return)
    assert plain.pool.current == "c"


def test_the_selection_is_the_rooms_in_both_views(filled, plain_room):
    click(filled.film, filled, "a")
    click(filled.film, filled, "c", Qt.KeyboardModifier.ControlModifier)
    assert plain_room.selection == ("a", "c")
    filled.show_view("table")
    assert len(filled.table.selectionModel().selectedRows()) == 2
    click(filled.table, filled, "b")
    assert plain_room.selection == ("b",)


def test_the_selection_stays_through_a_filter(filled, plain_room, plain):
    click(filled.film, filled, "a")
    click(filled.film, filled, "b", Qt.KeyboardModifier.ControlModifier)
    filled.kept.setCurrentText("Validation")
    assert plain_room.selection == ("b",)
    plain.pool.put(*reversed(ROWS))
    filled.kept.setCurrentText("All images")
    assert plain_room.selection == ("b",)


def test_the_open_image_comes_into_sight(dock, plain, rows):
    plain.desk.put_project(PROJECT)
    plain.pool.put(*rows(1000))
    for name in ("filmstrip", "table"):
        dock.show_view(name)
        plain.pool.open("image-00000")
        plain.pool.open("image-00800")
        area = dock.view.viewport().rect()
        assert area.contains(dock.view.visualRect(dock.model.place_of("image-00800")).center())


def test_the_open_image_stays_in_sight_where_there_is_less_room(dock, plain, rows, qtbot):
    plain.desk.put_project(PROJECT)
    plain.pool.put(*rows(40))
    place = dock.film.viewport().width() // FILM.width() - 1  # the last that is seen as a whole
    plain.pool.open(f"image-{place:05d}")
    area = dock.film.viewport()

    def whole():
        return area.rect().contains(centre(dock.film, dock, plain.pool.current))

    assert whole()
    assert dock.film.horizontalScrollBar().value() == 0
    dock.resize(dock.width() - FILM.width(), dock.height())
    qtbot.waitUntil(whole)
    dock.film.horizontalScrollBar().setValue(dock.film.horizontalScrollBar().maximum())
    assert not whole()
    before = area.width()
    dock.resize(dock.width() - 50, dock.height())
    qtbot.waitUntil(lambda: area.width() < before)
    assert not whole(), "it was scrolled away by hand"


def test_roles_go_to_all_chosen_images(filled, plain):
    click(filled.film, filled, "a")
    click(filled.film, filled, "c", Qt.KeyboardModifier.ControlModifier)
    menu = filled.menu_for(filled.model.place_of("a"))
    roles = next(action.menu() for action in menu.actions() if action.menu())
    assert texts(roles) == ["Training", "Validation", "Left out"]
    assert [action.isChecked() for action in roles.actions()] == [True, False, False]
    roles.actions()[2].trigger()
    assert plain.pool.asked == [("set_role", ("a", "c"), "excluded")]


def test_a_changed_and_a_missing_file_have_their_remedies(filled, plain, monkeypatch, tmp_path):
    changed = filled.menu_for(filled.model.place_of("b"))
    next(a for a in changed.actions() if a.text() == "Take the changed file").trigger()
    chosen = lambda *_: str(tmp_path)  # noqa: E731
    monkeypatch.setattr(projects.QFileDialog, "getExistingDirectory", chosen)
    missing = filled.menu_for(filled.model.place_of("c"))
    next(a for a in missing.actions() if a.text() == "Find missing files…").trigger()
    assert plain.pool.asked == [("confirm_changed", "b"), ("relocate", tmp_path)]
    assert "Take the changed file" not in texts(missing)


def test_a_read_only_project_cannot_be_changed(dock, plain):
    plain.desk.put_project(SimpleNamespace(read_only=True, problems=list))
    plain.pool.put(*ROWS)
    menu = dock.menu_for(dock.model.place_of("b"))
    enabled = {action.text(): action.isEnabled() for action in menu.actions()}
    assert enabled["Open"]
    assert not enabled["Role of 0 images"]
    assert not enabled["Take the changed file"]
    assert not dock.add.isEnabled()


@pytest.mark.parametrize("name", ["filmstrip", "table"])
def test_ten_thousand_images_scroll_and_only_visible_ones_are_drawn(dock, plain, rows, qtbot, name):
    plain.desk.put_project(PROJECT)
    plain.pool.put(*rows(10_000))
    dock.show_view(name)
    qtbot.waitUntil(lambda: plain.thumbnails.wanted[:1] == ["image-00000"])
    assert len(plain.thumbnails.wanted) < 60
    dock.view.scrollToBottom()
    if name == "filmstrip":
        bar = dock.view.horizontalScrollBar()
        bar.setValue(bar.maximum())
    qtbot.waitUntil(lambda: plain.thumbnails.wanted[-1:] == ["image-09999"])
    assert len(plain.thumbnails.wanted) < 60
    visible = plain.thumbnails.wanted[0]
    assert (
        dock.view.viewport().rect().intersects(dock.view.visualRect(dock.model.place_of(visible)))
    )
    place = dock.model.place_of("image-05000")
    dock.view.scrollTo(place)
    seen = dock.view.visualRect(place)
    qtbot.waitUntil(lambda: "image-05000" in plain.thumbnails.wanted)
    plain.thumbnails.deliver()
    dock.view.viewport().repaint()
    picture = dock.view.grab().toImage()
    spot = dock.view.viewport().mapTo(dock.view, seen.center())
    if name == "table":
        spot.setX(16)
    assert picture.pixelColor(spot).red() == 200


def test_a_tall_dock_has_several_rows_of_thumbnails(dock, plain, rows, qtbot):
    plain.desk.put_project(PROJECT)
    plain.pool.put(*rows(200))
    assert not dock.film.isWrapping()
    dock.resize(800, 4 * FILM.height())
    qtbot.waitUntil(dock.film.isWrapping)
    first = dock.film.visualRect(dock.model.place_of("image-00000"))
    later = dock.film.visualRect(dock.model.place_of("image-00010"))
    assert later.top() > first.top()
    qtbot.waitUntil(lambda: len(plain.thumbnails.wanted) > 15)
    assert plain.thumbnails.wanted[0] == "image-00000"


def test_it_starts_with_the_preferred_view(plain_room, qtbot, monkeypatch):
    monkeypatch.setattr(images_dock.preferences, "get", lambda *_: "table")
    made = images_dock.ImagesDock(plain_room)
    qtbot.addWidget(made)
    assert made.view is made.table
    assert made.table_button.isChecked()


def film_rect(dock, image_id):
    return dock.film.visualRect(dock.model.place_of(image_id))


def drawn_rect(dock, image_id):
    return film_rect(dock, image_id).adjusted(1, 1, -1, -1)


@pytest.mark.parametrize("place", [5, 39])
def test_the_open_image_is_seen_whole_when_the_dock_becomes_narrower(
    dock, plain, rows, qtbot, place
):
    plain.desk.put_project(PROJECT)
    plain.pool.put(*rows(40))
    plain.pool.open(f"image-{place:05d}")
    area = dock.film.viewport()
    for less in (20, 45, 30):
        before = area.width()
        dock.resize(dock.width() - less, dock.height())
        qtbot.waitUntil(lambda before=before: area.width() < before)
        qtbot.waitUntil(lambda: area.rect().contains(drawn_rect(dock, plain.pool.current)))


def test_a_low_dock_has_smaller_thumbnails(dock, plain, rows, qtbot):
    plain.desk.put_project(PROJECT)
    plain.pool.put(*rows(40))
    assert film_rect(dock, "image-00000").size() == FILM
    dock.resize(dock.width(), dock.minimumSizeHint().height())
    assert dock.minimumSizeHint().height() <= 135
    smallest = film_size(LEAST_THUMB)
    qtbot.waitUntil(lambda: film_rect(dock, "image-00000").size() == smallest)
    assert film_rect(dock, "image-00001").left() == smallest.width()
    assert dock.film.viewport().height() >= smallest.height()
    dock.resize(dock.width(), 200)
    qtbot.waitUntil(lambda: film_rect(dock, "image-00000").size() == FILM)


@pytest.mark.parametrize("side", [LEAST_THUMB, THUMB])
@pytest.mark.parametrize("current", [False, True])
def test_no_badge_lies_over_another_or_beside_its_thumbnail(qapp, side, current):
    row = Row("a", "a", annotation="draft", role="excluded", presence="changed", rank=128, round=1)
    font = qapp.font()
    font.setPointSizeF(7)
    box = QRect(10, 20, side, side)
    found = badges(QFontMetrics(font), box, row, current)
    words = [text for text, _ in found]
    assert ("open" in words) == current
    assert "128" in words or (current and side == LEAST_THUMB)
    for place, (_, area) in enumerate(found):
        assert box.contains(area)
        assert not any(area.intersects(other) for _, other in found[:place])
    if side == THUMB:
        assert {"draft", "left out", "file changed"} <= set(words)
