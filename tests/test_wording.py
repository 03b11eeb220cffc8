"""Numbers with their nouns."""

from napari_qsa.wording import counted, form, named


def test_one_is_one_and_all_others_are_many() -> None:
    assert [counted(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert [counted(n, "copy", "copies") for n in (1, 2)] == ["1 copy", "2 copies"]
    assert [form(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]


def test_of_many_names_the_first_are_told() -> None:
    assert named([]) == ""
    assert named("abc") == "a, b, c"
    assert named("abcd") == "a, b, c and 1 more"
    assert named([1, 2, 3], most=1) == "1 and 2 more"
