"""``napari-qsa schemes``."""

from collections.abc import Callable
from typing import Any

import pytest

from napari_qsa.quantization import ACTIVATION_SCHEMES, WEIGHT_SCHEMES
from napari_qsa.quantization.catalogue import activation_facts, weight_facts
from napari_qsa.quantization.registry import activation_scheme, weight_scheme


def test_all_schemes_in_words(run: Callable[..., Any]) -> None:
    ran = run("schemes")
    assert ran.code == 0
    first = [line.split()[0] for line in ran.out.splitlines() if line.strip()]
    weights = first[first.index("Weights:") + 1 : first.index("Activations:")]
    activations = first[first.index("Activations:") + 1 :]
    assert [name for name in weights if name in WEIGHT_SCHEMES] == list(WEIGHT_SCHEMES)
    assert [n for n in activations if n in ACTIVATION_SCHEMES] == list(ACTIVATION_SCHEMES)
    (inq4,) = (line for line in ran.out.splitlines() if line.startswith("inq4"))
    assert "8x less" in inq4
    assert "1702.03044" in inq4


def test_schemes_as_json(run: Callable[..., Any]) -> None:
    rows = run("schemes", "--json").document["schemes"]
    assert len(rows) == len(WEIGHT_SCHEMES) + len(ACTIVATION_SCHEMES)
    facts = {(row["kind"], row["name"]): row for row in rows}
    assert facts["weights", "inq5"]["factor"] == pytest.approx(6.4)  # 32 / 5
    assert facts["weights", "dorefa1"]["factor"] == 32
    assert facts["activations", "u8"]["bits"] == 8
    assert facts["weights", "float-restarts2"]["about"].startswith("not quantized, 10 stages")


@pytest.mark.parametrize(
    ("name", "integers"),
    [
        *((f"inq{bits}", bits <= 4) for bits in range(2, 9)),
        *((f"dorefa{bits}", bits <= 7) for bits in range(1, 9)),
        *(("twn", True), ("q0.7", True), ("q0.8", False), ("q3.4", True), ("float", False)),
        *(("qpaper0.6", True), ("qpaper0.7", False), ("qpaper7.0", True), ("qpaper8.0", False)),
    ],
)
def test_which_weights_run_on_integers(name: str, integers: bool) -> None:
    assert (weight_facts(weight_scheme(name)).integers == "yes") == integers


@pytest.mark.parametrize(
    ("name", "integers"),
    [
        *(("u8", "yes"), ("s2", "yes"), ("ternary", "yes"), ("binary", "yes"), ("float", "no")),
        *(("q6.0", "yes"), ("q4.4", "after a ReLU"), ("q8.8", "no")),
    ],
)
def test_which_activations_run_on_integers(name: str, integers: str) -> None:
    assert activation_facts(activation_scheme(name)).integers == integers
