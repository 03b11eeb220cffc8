from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qsa.errors import DatasetError
from napari_qsa.images import Item, open_dataset, patient_folds, read_folds, write_folds


def items_of(patients, grades=None):
    return [
        Item(
            name=f"i{number}",
            image=Path(f"i{number}.png"),
            label=None,
            patient=patient,
            grade=grades[number] if grades else None,
        )
        for number, patient in enumerate(patients)
    ]


def test_glas_folds_are_balanced_and_split_no_patient(glas_folder):
    items = open_dataset(glas_folder).items
    folds = patient_folds(items, 5, seed=0)
    assert list(folds) == [item.name for item in items]
    by_patient = defaultdict(set)
    for item in items:
        by_patient[item.patient].add(folds[item.name])
    assert all(len(used) == 1 for used in by_patient.values())
    images = Counter(folds.values())
    assert sorted(images) == [0, 1, 2, 3, 4]
    # One patient alone has 16 malignant images, another 11 benign and 4 malignant ones.
    assert min(images.values()) >= 15
    assert max(images.values()) <= 20
    grades = Counter((folds[item.name], item.grade) for item in items)
    for fold in range(5):
        assert 4 <= grades[fold, "benign"] <= 11
        assert 7 <= grades[fold, "malignant"] <= 16


def test_folds_depend_on_the_seed_and_not_on_the_order(glas_folder):
    items = open_dataset(glas_folder).items
    assert patient_folds(items, 5, 3) == patient_folds(items, 5, 3)
    assert patient_folds(items[::-1], 5, 3) == patient_folds(items, 5, 3)
    assert len({tuple(patient_folds(items, 5, seed).values()) for seed in range(5)}) > 1


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("bm")), min_size=2, max_size=40),
    st.integers(2, 5),
    st.integers(0, 10),
)
@settings(deadline=None, max_examples=15)
def test_groups_stay_whole_and_no_fold_is_empty(cases, n_folds, seed):
    items = items_of([str(patient) for patient, _ in cases], [grade for _, grade in cases])
    patients = {item.patient for item in items}
    if len(patients) < n_folds:
        with pytest.raises(DatasetError, match="folds"):
            patient_folds(items, n_folds, seed)
        return
    folds = patient_folds(items, n_folds, seed)
    assert set(folds.values()) == set(range(n_folds))
    assert len({(item.patient, folds[item.name]) for item in items}) == len(patients)


def test_single_images_are_dealt_evenly_in_number_and_grade():
    folds = patient_folds(items_of([None] * 20, ["b", "m"] * 10), 5)
    assert Counter(folds.values()) == dict.fromkeys(range(5), 4)
    assert Counter((fold, int(name[1:]) % 2) for name, fold in folds.items()) == {
        (fold, grade): 2 for fold in range(5) for grade in (0, 1)
    }


def test_equal_patients_are_dealt_perfectly():
    folds = patient_folds(items_of([str(number // 3) for number in range(30)]), 5)
    assert Counter(folds.values()) == dict.fromkeys(range(5), 6)


def test_pages_of_a_stack_stay_together():
    items = [
        Item(f"{stem}_{page}", Path(f"{stem}.tif"), None, page=page)
        for stem in "abc"
        for page in range(4)
    ]
    folds = patient_folds(items, 3)
    assert sorted(Counter(folds.values()).values()) == [4, 4, 4]
    assert all(folds[f"{stem}_0"] == folds[f"{stem}_3"] for stem in "abc")


def test_one_fold_is_refused():
    with pytest.raises(DatasetError, match="2 to 3"):
        patient_folds(items_of([None] * 3), 1)


def test_stored_folds_come_back(tmp_path):
    folds = patient_folds(items_of(["1", "2", "2", "3"]), 2)
    write_folds(tmp_path / "folds.json", folds)
    assert read_folds(tmp_path / "folds.json") == folds


@pytest.mark.parametrize("text", ["", "[1]", '{"a": "0"}', '{"a": true}', '{"a": -1}'])
def test_what_is_no_folds_is_refused(tmp_path, text):
    (tmp_path / "folds.json").write_text(text)
    with pytest.raises(DatasetError, match=r"folds\.json"):
        read_folds(tmp_path / "folds.json")


def test_copies_of_a_file_are_one_group(tmp_path):
    contents = [b"one", b"two", b"one", b"six", b"seven", b"seven"]
    items = []
    for number, content in enumerate(contents):
        image = tmp_path / f"i{number}.png"
        image.write_bytes(content)
        patient = "P" if number in (2, 3) else None
        items.append(Item(f"i{number}", image, None, patient=patient))
    for seed in range(5):
        folds = patient_folds(items, 3, seed)
        assert folds["i0"] == folds["i2"] == folds["i3"], "a copy, and the patient it is of"
        assert folds["i4"] == folds["i5"]
        assert sorted(set(folds.values())) == [0, 1, 2]
    with pytest.raises(DatasetError, match="3 patients"):
        patient_folds(items, 4)
    assert patient_folds(items[::-1], 3) == patient_folds(items, 3)
