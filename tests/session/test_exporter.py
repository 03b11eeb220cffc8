"""What is exported of a project: read back, refused, protected."""

import csv

import numpy as np
import PIL.Image
import pytest
import tifffile
from skimage.io import imread

from napari_qsa.images import open_dataset
from napari_qsa.images.labels import read_labels
from napari_qsa.images.predictions import ANNOTATION, PREDICTION, marker_of
from napari_qsa.session.batch import segment_batch
from napari_qsa.session.exporter import Exporter
from napari_qsa.session.segmenter import ProjectSegmenter
from napari_qsa.session.state import State

MODEL = "glas-segmentation"
FILES = {
    "tiff16": "{}_labels.tif",
    "tiff32": "{}_labels.tif",
    "png": "{}_labels.png",
    "bmp": "{}_anno.bmp",
}
DTYPES = {"tiff16": np.uint16, "tiff32": np.uint32, "png": np.uint16, "bmp": np.uint8}


@pytest.fixture
def exporter(room):
    exporter = Exporter(room.desk)
    exporter.results = []
    exporter.exported.connect(exporter.results.append)
    yield exporter
    exporter.close()


@pytest.fixture
def segmented(room, project):
    """The first three images are segmented."""
    segmenter = ProjectSegmenter(room.desk)
    segmenter.segment(list(project.images)[:3])
    room.wait(segmenter)
    segmenter.close()
    return list(project.images)[:3]


def paint(shape, count=3):
    """Glands in pieces, with holes and gaps between their numbers."""
    glands = np.zeros(shape, np.uint32)
    for number in range(1, count + 1):
        glands.ravel()[number * 3 : number * 3 + 2] = 2 * number
        glands.ravel()[-number * 3] = 2 * number
    return glands


def accept(project, image_id, glands=None):
    glands = paint(project.image(image_id).shape) if glands is None else glands
    region = np.zeros(glands.shape, np.uint8)
    region[5:9] = 2
    project.accept(image_id, glands, region)
    return glands


def export(room, exporter, what, folder, *args, **options):
    exporter.export(what, folder, *args, **options)
    room.wait(exporter)
    return exporter.results[-1] if exporter.status.state is State.DONE else None


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("form", FILES)
def test_accepted_annotations_read_back_equal(room, project, exporter, tmp_path, form):
    first, second, *_ = project.images
    glands = {first: accept(project, first), second: accept(project, second)}
    project.save_draft(first, np.zeros_like(glands[first]), np.zeros_like(glands[first]))
    result = export(room, exporter, "accepted", tmp_path / "out", form)
    assert room.failures == []
    assert [row.image for row in result.rows] == [first, second]
    for image_id, expected in glands.items():
        path = tmp_path / "out" / FILES[form].format(project.image(image_id).name)
        raw = imread(path)
        assert raw.dtype == DTYPES[form]
        np.testing.assert_array_equal(raw, expected)
        np.testing.assert_array_equal(read_labels(path), expected)
        assert marker_of(path) == ANNOTATION
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "export.csv",
        *(FILES[form].format(project.image(i).name) for i in glands),
        *(f"{project.image(i).name}_glands.csv" for i in glands),
    }, "and no region"


@pytest.mark.parametrize("form", FILES)
def test_one_gland_in_two_pieces_stays_one(room, project, exporter, tmp_path, form):
    image_id = next(iter(project.images))
    glands = np.zeros(project.image(image_id).shape, np.uint16)
    glands[2:4, 2:4] = glands[9:12, 9:12] = 7
    accept(project, image_id, glands)
    export(room, exporter, "accepted", tmp_path / "out", form)
    path = tmp_path / "out" / FILES[form].format("slide_00")
    np.testing.assert_array_equal(read_labels(path), glands)


def test_areas_have_as_many_digits_as_a_pixel_size(room, project, exporter, tmp_path):
    project.set_pixel_size(700.123)
    image_id = next(iter(project.images))
    glands = np.zeros(project.image(image_id).shape, np.uint16)
    glands[2:5, 2:5] = 1
    accept(project, image_id, glands)
    export(room, exporter, "accepted", tmp_path / "out", "tiff16")
    (gland,) = read_csv(tmp_path / "out" / "slide_00_glands.csv")
    assert gland["area_um2"] == "4411550.0"  # 4,411,549.9 of 9 pixels


def test_the_same_project_gives_the_same_bytes(room, project, exporter, segmented, tmp_path):
    accept(project, segmented[0])
    options = {"uncertainty": True, "table": True, "region": True, "ids": segmented}
    written = []
    for name in ("one", "two"):
        for form in FILES:
            export(room, exporter, "selection", tmp_path / name, form, **options)
        written.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert len(written[0]) == 1 + 3 * (3 + 2) + 1
    assert written[0] == written[1]


def test_predictions_with_uncertainty_and_table(room, project, exporter, segmented, tmp_path):
    out = tmp_path / "out"
    result = export(room, exporter, "segmented", out, "tiff16", uncertainty=True)
    assert [row.source for row in result.rows] == ["prediction"] * 3
    stored = project.read_prediction(MODEL, segmented[1])
    np.testing.assert_array_equal(tifffile.imread(out / "slide_01_labels.tif"), stored.labels)
    np.testing.assert_array_equal(
        tifffile.imread(out / "slide_01_uncertainty.tif"), stored.uncertainty
    )
    assert marker_of(out / "slide_01_labels.tif") == PREDICTION
    (gland,) = read_csv(out / "slide_01_glands.csv")
    inside = stored.labels == 1
    assert float(gland["area_um2"]) == inside.sum() * 0.25
    mean = stored.uncertainty[inside].mean(dtype=np.float64)
    assert float(gland["mean_uncertainty"]) == pytest.approx(mean)
    row = read_csv(out / "export.csv")[1]
    assert (row["source"], row["model"], row["glands"]) == ("prediction", MODEL, "1")
    assert row["pixel_size_um"] == "0.5"


def test_what_is_shown_by_other_rules_is_exported_so(room, project, exporter, segmented, tmp_path):
    segmenter = ProjectSegmenter(room.desk)
    segmenter.set_rules(None, 1.0)
    room.settle(segmenter)
    segmenter.close()
    export(room, exporter, "segmented", tmp_path / "out")
    assert int(tifffile.imread(tmp_path / "out" / "slide_00_labels.tif").max()) == 2


def test_of_chosen_images_the_annotation_goes_first(room, project, exporter, segmented, tmp_path):
    glands = paint(project.image(segmented[0]).shape)
    project.save_draft(segmented[0], glands, np.ones_like(glands))
    nothing = list(project.images)[5]
    ids = [nothing, segmented[1], segmented[0]]
    result = export(room, exporter, "selection", tmp_path / "out", ids=ids)
    assert [(row.name, row.source, bool(row.error)) for row in result.rows] == [
        ("slide_00", "draft", False),
        ("slide_01", "prediction", False),
        ("slide_05", "", True),
    ]
    assert room.failures == [result.rows[2].error]
    assert "segment it first" in room.failures[0]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "slide_00_labels.tif"), glands)


def test_the_region_is_exported_when_asked_for(room, project, exporter, tmp_path):
    image_id = next(iter(project.images))
    accept(project, image_id)
    out = tmp_path / "out"
    export(room, exporter, "accepted", out, "bmp", region=True)
    region = tifffile.imread(out / "slide_00_region.tif")
    np.testing.assert_array_equal(region, project.read(image_id).region)
    assert region.dtype == np.uint8
    assert set(np.unique(region)) == {1, 2}


@pytest.mark.parametrize("count", [255, 256])
def test_bmp_holds_255_glands(room, project, exporter, tmp_path, count):
    image_id = next(iter(project.images))
    glands = accept(project, image_id, paint(project.image(image_id).shape, count))
    assert glands.max() == 2 * count
    exporter.export("accepted", tmp_path / "out", "bmp")
    room.wait(exporter)
    (row,) = exporter.results[-1].rows
    path = tmp_path / "out" / "slide_00_anno.bmp"
    if count == 255:
        np.testing.assert_array_equal(imread(path).astype(int) * 2, glands)
        assert "numbered anew" in row.notes
        table = read_csv(tmp_path / "out" / "slide_00_glands.csv")
        assert [gland["label"] for gland in table] == [str(n) for n in range(1, 256)]
    else:
        assert not path.exists()
        assert row.error == (
            "slide_00 has 256 glands, and an 8-bit BMP file holds 255 at most: choose TIFF or PNG."
        )
        assert room.failures == [row.error]
        assert read_csv(tmp_path / "out" / "export.csv")[0]["error"] == row.error


def test_images_of_one_name_get_files_of_their_own(room, project, exporter, tmp_path, pictures):
    other = tmp_path / "other" / "SLIDE_00.png"
    other.parent.mkdir()
    PIL.Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(other)
    (added,) = project.add_images(open_dataset(other.parent)).ids
    first = next(iter(project.images))
    for image_id in (first, added):
        accept(project, image_id)
    result = export(room, exporter, "accepted", tmp_path / "out")
    assert [row.name for row in result.rows] == ["slide_00", added]


def test_foreign_files_are_never_replaced(room, project, exporter, segmented, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    foreign = {
        "slide_00_labels.tif": b"mine",
        "slide_01_glands.csv": b"my,own,table\n",
        "slide_02_uncertainty.tif": b"",
    }
    for name, data in foreign.items():
        (out / name).write_bytes(data)
    result = export(room, exporter, "segmented", out, uncertainty=True)
    assert all("is not replaced" in row.error for row in result.rows)
    assert {name: (out / name).read_bytes() for name in foreign} == foreign
    assert {path.name for path in out.iterdir()} == {*foreign, "export.csv"}
    (out / "export.csv").write_bytes(b"also,mine\n")
    assert export(room, exporter, "segmented", out) is None
    assert (out / "export.csv").read_bytes() == b"also,mine\n"


@pytest.mark.parametrize("form", ["tiff16", "png", "bmp"])
def test_an_edited_file_is_the_users_own(room, project, exporter, tmp_path, form):
    accept(project, next(iter(project.images)))
    out = tmp_path / "out"
    export(room, exporter, "accepted", out, form)
    path = out / FILES[form].format("slide_00")
    with PIL.Image.open(path) as image:
        pixels = np.array(image)
    PIL.Image.fromarray(pixels).save(path)
    before = path.read_bytes()
    assert marker_of(path) is None
    result = export(room, exporter, "accepted", out, form)
    assert "is not replaced" in result.rows[0].error
    assert path.read_bytes() == before


def test_a_prediction_never_takes_the_place_of_an_annotation(
    room, project, exporter, segmented, tmp_path
):
    out = tmp_path / "out"
    export(room, exporter, "segmented", out)
    glands = accept(project, segmented[0])
    export(room, exporter, "accepted", out, "tiff32")
    np.testing.assert_array_equal(tifffile.imread(out / "slide_00_labels.tif"), glands)
    result = export(room, exporter, "segmented", out, "png")
    assert [bool(row.error) for row in result.rows] == [True, False, False]

    class Never:
        def predict(self, *args, **options):
            raise AssertionError("it is refused before")

    (tmp_path / "one").mkdir()
    PIL.Image.open(project.path_of(segmented[0])).save(tmp_path / "one" / "slide_00.png")
    (row,) = segment_batch(open_dataset(tmp_path / "one"), Never(), out)
    assert "is not replaced" in row.error


def test_exports_among_the_images_are_labels_and_no_images(room, project, exporter, pictures):
    accept(project, next(iter(project.images)))
    export(room, exporter, "accepted", pictures, "png", region=True)
    items = open_dataset(pictures).items
    assert len(items) == 12
    assert [item.label and item.label.name for item in items[:2]] == ["slide_00_labels.png", None]


@pytest.mark.parametrize("what", ["accepted", "segmented"])
def test_excluded_images_are_exported_only_where_they_are_chosen(
    room, project, exporter, segmented, tmp_path, what
):
    first, second, third = segmented
    for image_id in segmented:
        accept(project, image_id)
    project.set_role([second], "excluded")
    result = export(room, exporter, what, tmp_path / "out")
    assert [row.image for row in result.rows] == [first, third]
    assert exporter.status.message.endswith("; 1 excluded image left out.")
    chosen = export(room, exporter, "selection", tmp_path / "out", ids=[second])
    assert [row.image for row in chosen.rows] == [second]
    project.set_role(segmented, "excluded")
    assert export(room, exporter, what, tmp_path / "other") is None
    assert f"All 3 images that are {what} are excluded" in exporter.status.message


def test_what_is_being_segmented_is_waited_for(room, project, tmp_path):
    segmenter, first = ProjectSegmenter(room.desk), next(iter(project.images))
    exporter = Exporter(room.desk, lambda: segmenter.pending)
    room.engine.hold_after = 0
    segmenter.segment([first])
    room.inbox.run_until(lambda: room.engine.held, 20)
    assert segmenter.pending == {first}
    for what, ids in (("segmented", ()), ("selection", [first])):
        exporter.export(what, tmp_path / "out", ids=ids)
        room.wait(exporter)
        assert "being segmented" in room.failures[-1]
    room.engine.release()
    room.wait(segmenter)
    assert segmenter.pending == frozenset()
    exporter.close()
    segmenter.close()


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        ("accepted", {}, "accept one"),
        ("segmented", {}, "segment some first"),
        ("selection", {}, "choose one"),
        ("everything", {}, "What is 'everything'"),
        ("this", {"ids": ["nobody"]}, "nobody"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence(room, exporter, tmp_path, what, options, message):
    assert export(room, exporter, what, tmp_path / "out", **options) is None
    assert message in exporter.status.message
    assert not (tmp_path / "out").exists()


def test_never_into_the_project(room, project, exporter):
    accept(project, next(iter(project.images)))
    assert export(room, exporter, "accepted", project.folder / "annotations") is None
    assert "inside the project" in exporter.status.message


def test_cancelled_in_the_middle_keeps_what_was_written(
    room, project, exporter, tmp_path, monkeypatch
):
    from napari_qsa.session import exporter as module

    for image_id in list(project.images)[:4]:
        accept(project, image_id)
    real, seen = module.export_image, []

    def one(*args):
        seen.append(args[1])
        if len(seen) == 2:
            exporter.cancel()
        return real(*args)

    monkeypatch.setattr(module, "export_image", one)
    export(room, exporter, "accepted", tmp_path / "out")
    assert exporter.status.state is State.CANCELLED
    assert [row.name for row in exporter.results[-1].rows] == ["slide_00", "slide_01"]
    assert len(read_csv(tmp_path / "out" / "export.csv")) == 2


def test_without_a_pixel_size_areas_are_left_out(room, project, exporter, tmp_path):
    project.set_pixel_size(None)
    accept(project, next(iter(project.images)))
    result = export(room, exporter, "accepted", tmp_path / "out")
    table = read_csv(tmp_path / "out" / "slide_00_glands.csv")
    assert {gland["area_um2"] for gland in table} == {""}
    assert [gland["area_px"] for gland in table] == ["3"] * 3
    assert "pixel size is unknown" in result.rows[0].notes
