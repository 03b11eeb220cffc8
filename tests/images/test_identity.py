import hashlib

from napari_qsa.images import sha256


def test_the_sum_is_of_the_bytes_wherever_the_file_lies(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "a.png").write_bytes(content)
    (tmp_path / "b.tif").write_bytes(content)
    assert sha256(tmp_path / "a.png") == sha256(str(tmp_path / "b.tif"))
    assert sha256(tmp_path / "a.png") == hashlib.sha256(content).hexdigest()


def test_the_known_sum_of_nothing(tmp_path):
    (tmp_path / "empty").touch()
    assert sha256(tmp_path / "empty").startswith("e3b0c44298fc1c149afbf4c8996fb924")
