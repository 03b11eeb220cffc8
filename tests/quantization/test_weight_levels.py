"""TWN, DoReFa and fixed point: known answers, and what holds for all weights."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_qsa.errors import QsaError
from napari_qsa.quantization import WEIGHT_SCHEMES, weight_scheme
from napari_qsa.quantization.dorefa import DoReFa, dorefa_codes
from napari_qsa.quantization.straight_through import LatentWeight
from napari_qsa.quantization.weights import StraightThroughScheme

TRAINED_THROUGH = sorted(
    name for name, s in WEIGHT_SCHEMES.items() if isinstance(s, StraightThroughScheme)
)
patient = settings(deadline=None, max_examples=25)
layers = st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=40).map(torch.tensor)


def through(name: str) -> StraightThroughScheme:
    scheme = weight_scheme(name)
    assert isinstance(scheme, StraightThroughScheme)
    return scheme


def quantized(name: str, values: list[float]) -> list[float]:
    scheme, weight = weight_scheme(name), torch.tensor(values)
    return scheme.quantize(weight, scheme.codebook(weight)).tolist()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("qpaper0.4", 1.3, 0.3125),  # it wraps: the fraction alone is left
        ("qpaper0.4", -1.3, -0.3125),
        ("qpaper6.0", 0.99, 0.0),  # it truncates: no bits for the fraction
        ("qpaper6.0", 62.99, 62.0),
        ("qpaper6.0", 70.0, 63.0),
        ("qpaper0.4", 0.99, 1.0),  # round(.99 * 16) / 16, one level more than 4 bits hold
        ("qpaper2.2", 2.7, 2.75),
        ("qpaper2.2", 5.3, 3.25),  # 5 is clamped to 3, the fraction is kept
        ("q0.4", 1.3, 0.9375),
        ("q0.4", -1.3, -0.9375),
        ("q0.4", 0.99, 0.9375),
        ("q0.4", 0.03, 0.0),
        ("q0.4", 0.032, 0.0625),
        ("q6.0", 0.99, 1.0),
        ("q6.0", 70.0, 63.0),
        ("q0.7", -0.5, -0.5),
        ("q1.2", 0.375, 0.5),  # halves go to the even code
        ("q1.2", 0.125, 0.0),
    ],
)
def test_fixed_point_by_hand(name: str, value: float, expected: float) -> None:
    assert quantized(name, [value]) == [expected]


def literal(x: float, integer: int, fraction: int) -> float:
    """The published formula, in Python's floats."""

    def q(v: float, n: int) -> float:
        return round(min(max(v, 0), 2**n - 1) * 2**n) / 2**n

    whole = math.floor(abs(x))
    return (x > 0) * 1.0 * (q(whole, integer) + q(abs(x) - whole, fraction)) - (x < 0) * 1.0 * (
        q(whole, integer) + q(abs(x) - whole, fraction)
    )


@patient
@given(layers, st.integers(0, 4), st.integers(1, 6))
def test_published_formula_to_the_letter(weight: Tensor, integer: int, fraction: int) -> None:
    found = quantized(f"qpaper{integer}.{fraction}", (4 * weight).tolist())
    assert found == [literal(4 * x, integer, fraction) for x in weight.tolist()]


def test_a_second_pass_of_the_published_formula_wraps() -> None:
    once = quantized("qpaper0.4", [0.99])
    assert once == [1.0]
    assert quantized("qpaper0.4", once) == [0.0]


@patient
@given(layers, st.integers(0, 3), st.integers(1, 4))
def test_fixed_point_is_the_nearest_level(weight: Tensor, integer: int, fraction: int) -> None:
    scheme = weight_scheme(f"q{integer}.{fraction}")
    codebook = scheme.codebook(weight)
    assert codebook.numel() == 2 ** (integer + fraction + 1) - 1
    distance = (weight[:, None] - codebook).abs()
    ours = (weight - scheme.quantize(weight, codebook)).abs()
    assert torch.equal(ours, distance.min(dim=1).values)


def test_twn_by_hand() -> None:
    weight = torch.tensor([1.0, -0.8, 0.3, -0.1, 0.05, 0.75])  # mean |w| is .5, Delta is .35
    scheme = weight_scheme("twn")
    alpha = (1 + 0.8 + 0.75) / 3
    assert scheme.codebook(weight).tolist() == pytest.approx([-alpha, 0, alpha])
    found = scheme.quantize(weight, scheme.codebook(weight)).tolist()
    assert found == pytest.approx([alpha, -alpha, 0, 0, 0, alpha])


def test_twn_of_normal_weights() -> None:
    """Delta is .5585 sigma; beyond it lie 57.7 % of them, and their mean is 1.186 sigma."""
    weight = torch.randn(400_000, generator=torch.Generator().manual_seed(0))
    scheme = weight_scheme("twn")
    levels = scheme.quantize(weight, scheme.codebook(weight))
    assert float((levels != 0).float().mean()) == pytest.approx(0.5765, abs=3e-3)
    assert float(levels.max()) == pytest.approx(1.1839, abs=5e-3)


def test_dorefa_of_one_bit_by_hand() -> None:
    assert quantized("dorefa1", [0.5, -0.25, 0.0, 1.25]) == [0.5, -0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("bits", "codes"),
    [(2, [3, 0, 2, 1, 2]), (3, [7, 0, 4, 3, 6]), (8, [255, 0, 146, 128 - 19, 203])],
)
def test_dorefa_codes_by_hand(bits: int, codes: list[int]) -> None:
    """Tanh of the values is 1, -1, .147, -.147 and .594 times the largest."""
    weight = torch.tensor([1.0, -1.0, 0.112, -0.112, 0.487])
    most = 2**bits - 1
    expected = [round(most * (math.tanh(w) / (2 * math.tanh(1)) + 0.5)) for w in weight.tolist()]
    assert expected == codes
    assert dorefa_codes(weight, bits).tolist() == codes
    levels = torch.tensor(quantized(f"dorefa{bits}", weight.tolist()))
    as_published = 2 * torch.tensor(codes) / most - 1  # equation 9
    assert torch.allclose(levels / math.tanh(1), as_published, atol=1e-6)


@pytest.mark.parametrize("bits", range(2, 9))
def test_dorefa_has_so_many_levels(bits: int) -> None:
    weight = torch.linspace(-1, 1, 5001)
    scheme = weight_scheme(f"dorefa{bits}")
    levels = scheme.quantize(weight, scheme.codebook(weight)).unique()
    assert levels.numel() == 2**bits
    steps = (levels / levels[levels > 0].min()).double()
    assert torch.allclose(steps, torch.arange(1 - 2**bits, 2**bits, 2).double(), atol=1e-4)
    assert float(levels.max()) == pytest.approx(math.tanh(1))  # the size the layer had


@pytest.mark.parametrize("bits", [0, 9])
def test_dorefa_takes_1_to_8_bits(bits: int) -> None:
    with pytest.raises(QsaError, match=f"1 to 8 bits, not {bits}"):
        DoReFa(bits)


@pytest.mark.parametrize("name", TRAINED_THROUGH)
@patient
@example(torch.tensor([1.4013e-45]))
@given(layers)
def test_levels_are_of_the_codebook_and_keep_the_sign(name: str, weight: Tensor) -> None:
    scheme = through(name)
    codebook = scheme.codebook(weight)
    levels = scheme.quantize(weight, codebook)
    assert levels.shape == weight.shape
    assert levels.dtype == weight.dtype
    assert torch.isin(levels, codebook).all()
    assert torch.equal(codebook, codebook.unique())  # sorted, each once
    if codebook.numel() > 1:
        assert (levels[weight != 0] * weight[weight != 0] >= 0).all() or name.startswith("dorefa")
    assert not torch.signbit(levels[levels == 0]).any()


@pytest.mark.parametrize("name", sorted(set(TRAINED_THROUGH) - {"qpaper0.4"}))
@patient
@given(layers)
def test_larger_weights_have_no_smaller_levels(name: str, weight: Tensor) -> None:
    scheme = through(name)
    ordered = weight.sort().values
    levels = scheme.quantize(ordered, scheme.codebook(ordered))
    assert (levels.diff() >= 0).all()


@pytest.mark.parametrize("name", ["twn", "dorefa1", "q0.2", "q0.4", "q0.7", "q0.8", "q2.3"])
@patient
@given(layers)
def test_quantizing_twice_changes_nothing(name: str, weight: Tensor) -> None:
    scheme = weight_scheme(name)
    codebook = scheme.codebook(weight)
    once = scheme.quantize(weight, codebook)
    assert torch.equal(scheme.quantize(once, codebook), once)


@pytest.mark.parametrize("name", TRAINED_THROUGH)
def test_a_layer_of_zeros_stays_at_zero(name: str) -> None:
    scheme, weight = through(name), torch.zeros(2, 3, 1, 1)
    levels = scheme.quantize(weight, scheme.codebook(weight))
    assert torch.equal(levels, weight)
    latent = weight.requires_grad_()
    LatentWeight(scheme, scheme.codebook(latent))(latent).sum().backward()
    assert latent.grad is not None
    assert torch.isfinite(latent.grad).all()


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_that_became_zero_have_the_level_in_the_middle(bits: int) -> None:
    scheme = weight_scheme(f"dorefa{bits}")
    codebook = scheme.codebook(torch.tensor([0.5, -0.1]))
    zeros, among = torch.zeros(3), torch.tensor([0.0, 0.0, 0.0, 0.4])
    levels = scheme.quantize(zeros, codebook)
    assert torch.equal(levels, scheme.quantize(among, codebook)[:3])
    assert torch.equal(levels.abs(), codebook.abs().min().expand(3))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", TRAINED_THROUGH)
def test_what_diverged_shows_in_the_result(name: str, bad: float) -> None:
    """Else the loss stays finite, and a training goes on with a layer of zeros."""
    scheme = through(name)
    codebook = scheme.codebook(torch.tensor([0.5, -0.1, 0.3]))
    levels = LatentWeight(scheme, codebook)(torch.tensor([0.5, bad, 0.3]))
    assert not levels.isfinite().all()


def gradient(name: str, values: list[float]) -> list[float]:
    scheme, weight = through(name), torch.tensor(values, requires_grad=True)
    levels = LatentWeight(scheme, scheme.codebook(weight))(weight)
    assert torch.equal(levels, scheme.quantize(weight.detach(), scheme.codebook(weight)))
    levels.backward(torch.arange(1.0, len(values) + 1))
    assert weight.grad is not None
    return weight.grad.tolist()


@pytest.mark.parametrize("name", ["twn", "dorefa1", "qpaper0.4"])
def test_gradient_goes_straight_through(name: str) -> None:
    assert gradient(name, [0.3, -1.7, 0.0, 0.01]) == [1.0, 2.0, 3.0, 4.0]


def test_no_gradient_where_fixed_point_saturates() -> None:
    assert gradient("q0.4", [0.3, -1.7, 0.9, 1.2]) == [1.0, 0.0, 3.0, 0.0]


def test_gradient_of_dorefa_is_that_of_its_tanh() -> None:
    found = gradient("dorefa3", [1.0, -0.5, 0.1])
    bent = [1 - math.tanh(w) ** 2 for w in (1.0, -0.5, 0.1)]
    assert found == pytest.approx([bent[0], 2 * bent[1], 3 * bent[2]], rel=1e-5)
