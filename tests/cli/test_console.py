"""What commands write, where the stream cannot take it as it is."""

import io
import json
import os
import sys
from collections.abc import Callable

import pytest

from napari_qsa.cli import console
from napari_qsa.cli.console import emit, note, say

NAME = os.fsdecode(b"gl\xe4nd.png")
"""A file name that is no UTF-8."""


ENCODINGS = pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])


def strict(monkeypatch: pytest.MonkeyPatch, name: str, encoding: str) -> io.BytesIO:
    """Put a strict stream of an encoding in the place of a standard one."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding, "strict", write_through=True))
    return raw


@ENCODINGS
@pytest.mark.parametrize(("write", "name"), [(say, "stdout"), (note, "stderr")])
def test_any_name_can_be_told(
    monkeypatch: pytest.MonkeyPatch, encoding: str, write: Callable[[str], None], name: str
) -> None:
    with monkeypatch.context() as patch:
        stream = strict(patch, name, encoding)
        write(f"{NAME} at 0.5 µm")
        assert stream.getvalue().startswith(b"gl\\udce4nd.png at 0.5 ")


def test_progress_is_told_soon_and_then_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    shown = console.Bar("Working")
    for clock[0] in (1.0, 9.0, 11.0, 30.0, 70.0, 72.0):
        shown.update(clock[0] / 100)
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "Working: 11%",
        "Working: 72%",
    ]


@ENCODINGS
def test_any_name_can_be_in_a_document(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    document = {"file": NAME, "unit": "µm", "dash": "\u2013", "line": "a\nb"}
    with monkeypatch.context() as patch:
        stream = strict(patch, "stdout", encoding)
        emit(document)
        assert json.loads(stream.getvalue().decode(encoding)) == document
