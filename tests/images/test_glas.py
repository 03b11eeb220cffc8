import pytest

from napari_qsa.images.glas import Case, glas_part, is_glas, read_grades

OFFICIAL = (
    "name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)\r\n"
    "testA_1,5, benign, healthy\r\n"
    "train_10,2, malignant, moderately differentiated\r\n"
)


def test_the_official_file(tmp_path):
    (tmp_path / "Grade.csv").write_bytes(OFFICIAL.encode())
    cases, problems = read_grades(tmp_path)
    assert cases == {"testA_1": Case("5", "benign"), "train_10": Case("2", "malignant")}
    assert problems == []


@pytest.mark.parametrize(
    "content",
    [
        OFFICIAL.encode("utf-8-sig"),
        OFFICIAL.replace("\r", "").encode(),
        OFFICIAL.replace(", ", " ,  ").encode(),
        OFFICIAL.encode() + b"\r\n\r\n",
    ],
)
def test_other_spellings_of_it(tmp_path, content):
    (tmp_path / "Grade.csv").write_bytes(content)
    assert read_grades(tmp_path)[0]["train_10"] == Case("2", "malignant")


def test_empty_and_missing_fields(tmp_path):
    (tmp_path / "Grade.csv").write_text("name,patient ID,grade (GlaS)\na,,\nb\nc,1\n")
    assert read_grades(tmp_path)[0] == {
        "a": Case(None, None),
        "b": Case(None, None),
        "c": Case("1", None),
    }


def test_no_file_is_no_problem(tmp_path):
    assert read_grades(tmp_path) == ({}, [])


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00name"])
def test_another_file_is_one_problem(tmp_path, content):
    (tmp_path / "Grade.csv").write_bytes(content)
    cases, problems = read_grades(tmp_path)
    assert cases == {}
    assert len(problems) == 1
    assert str(tmp_path / "Grade.csv") in problems[0]


def test_names():
    assert glas_part("train_85") == "train"
    assert glas_part("testA_1") == "testA"
    assert glas_part("testB_20") == "testB"
    assert glas_part("train_1_anno") is None
    assert glas_part("Train_1") is None
    assert is_glas(["train_1", "testA_1", "overview"])
    assert not is_glas(["train_1", "mine", "yours"])
    assert not is_glas([])
