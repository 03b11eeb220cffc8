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
    weights_head, activations_head = (line for line in ran.out.splitlines() if "integers " in line)
    assert "size" in weights_head
    assert "size" not in activations_head
    (inq7,) = (line for line in ran.out.splitlines() if line.startswith("inq7"))
    assert "no finer than inq5" in inq7


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
        *((f"inq{bits}", "exact" if bits <= 4 else "no") for bits in (2, 3, 4, 6, 7, 8)),
        ("inq5", "exact below +128"),
        *((f"dorefa{bits}", "rounded" if bits <= 7 else "no") for bits in range(1, 9)),
        *(("twn", "rounded"), ("float", "no"), ("float-restarts2", "no")),
        *(("q0.7", "exact"), ("q0.8", "no"), ("q3.4", "exact")),
        *(("qpaper0.6", "exact"), ("qpaper0.7", "no"), ("qpaper7.0", "exact"), ("qpaper8.0", "no")),
    ],
)
def test_which_weights_run_on_integers(name: str, integers: str) -> None:
    assert weight_facts(weight_scheme(name)).integers == integers


@pytest.mark.parametrize(
    ("name", "integers"),
    [
        *(("u8", "exact"), ("s2", "exact"), ("ternary", "exact"), ("binary", "exact")),
        *(("float", "no"), ("q6.0", "exact"), ("q4.4", "exact after ReLU"), ("q8.8", "no")),
    ],
)
def test_which_activations_run_on_integers(name: str, integers: str) -> None:
    assert activation_facts(activation_scheme(name)).integers == integers
