"""INQ's codebooks and its rule: known answers, and the paper's equation taken to the letter."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_qsa.errors import QsaError
from napari_qsa.quantization.inq import INQ, inq_exponents, inq_portions

BITS = range(2, 9)
magnitudes = st.floats(2.0**-20, 2.0**20, width=32)
patient = settings(deadline=None, max_examples=60)


def literal(weight: float, exponents: tuple[int, int]) -> float:
    """Equation 4 of the paper, in exact arithmetic."""
    upper, lower = exponents
    codebook = [Fraction(0), *(Fraction(2) ** n for n in range(lower, upper + 1))]
    size = abs(Fraction(weight))
    for alpha, beta in itertools.pairwise(codebook):
        if (alpha + beta) / 2 <= size < 3 * beta / 2:
            return math.copysign(float(beta), weight)
    return 0.0


def quantized(values: Tensor, bits: int) -> Tensor:
    scheme = INQ(bits)
    return scheme.quantize(values, scheme.codebook(values))


@pytest.mark.parametrize(
    ("largest", "bits", "exponents"),
    [
        (0.75, 4, (0, -3)),  # 4 s / 3 is exactly 1
        (np.nextafter(np.float32(0.75), np.float32(0)), 4, (-1, -4)),
        (1.0, 4, (0, -3)),
        (np.nextafter(np.float32(1.5), np.float32(0)), 4, (0, -3)),
        (1.5, 4, (1, -2)),
        (0.5, 3, (-1, -2)),  # the paper's example: 3 bits and n1 = -1 give n2 = -2
        (0.09375, 5, (-3, -10)),
        (3.0, 2, (2, 2)),
        (3.0, 7, (2, -29)),
        (3.0, 8, (2, -61)),
    ],
)
def test_exponents(largest: float, bits: int, exponents: tuple[int, int]) -> None:
    assert inq_exponents(float(largest), bits) == exponents


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("exponent", range(-30, 31, 5))
def test_exponents_at_every_exact_boundary(bits: int, exponent: int) -> None:
    boundary = 0.75 * 2.0**exponent
    assert inq_exponents(boundary, bits)[0] == exponent
    assert inq_exponents(boundary * (1 - 2.0**-24), bits)[0] == exponent - 1


@pytest.mark.parametrize(
    ("bits", "size"), [(2, 3), (3, 5), (4, 9), (5, 17), (6, 33), (7, 65), (8, 129)]
)
def test_codebook_sizes(bits: int, size: int) -> None:
    codebook = INQ(bits).codebook(torch.tensor([0.1, -1.2, 0.0]))
    assert codebook.shape == (size,)
    assert codebook.dtype == torch.float32
    assert torch.unique(codebook).numel() == size
    assert torch.equal(codebook, codebook.sort().values)
    assert torch.equal(codebook, -codebook.flip(0))
    positive = codebook[codebook > 0]
    assert torch.equal(positive[1:], 2 * positive[:-1])
    assert positive[-1] == 1.0


def test_codebook_of_four_bits() -> None:
    expected = [-0.5, -0.25, -0.125, -0.0625, 0.0, 0.0625, 0.125, 0.25, 0.5]
    assert INQ(4).codebook(torch.tensor([[0.7, -0.01]])).tolist() == expected


def gaussian(seed: int) -> Tensor:
    """589,824 weights of standard deviation .02: their largest is near 0.75 / 8, a boundary."""
    return 0.02 * torch.randn(256, 256, 3, 3, generator=torch.Generator().manual_seed(seed))


def relative_error(weight: Tensor, bits: int) -> float:
    return float((quantized(weight, bits) - weight).double().norm() / weight.double().norm())


@pytest.mark.parametrize(
    ("bits", "error"),
    [(2, 0.997), (3, 0.826), (4, 0.253), (5, 0.1966), (6, 0.1965), (7, 0.1965), (8, 0.1965)],
)
def test_error_on_gaussian_weights(bits: int, error: float) -> None:
    weight = gaussian(seed=3)
    assert weight.numel() == 589_824
    assert relative_error(weight, bits) == pytest.approx(error, abs=0.0003 if bits > 4 else 0.001)


def test_error_hangs_on_the_largest_weight_at_few_bits() -> None:
    above, below = gaussian(seed=3), gaussian(seed=4)
    assert float(below.abs().max()) < 0.75 / 8 < float(above.abs().max())
    assert relative_error(below, 4) < 0.206 < 0.252 < relative_error(above, 4)
    assert relative_error(below, 7) == pytest.approx(relative_error(above, 7), abs=0.001)


@patient
@given(st.lists(magnitudes | st.just(0.0), min_size=1, max_size=40), st.sampled_from(BITS))
def test_rule_is_equation_4_to_the_letter(sizes: list[float], bits: int) -> None:
    assume(max(sizes) > 0)
    values = [size * (-1) ** n for n, size in enumerate(sizes)]
    exponents = inq_exponents(max(sizes), bits)
    ours = quantized(torch.tensor(values), bits)
    assert ours.tolist() == [literal(value, exponents) for value in values]


@pytest.mark.parametrize("bits", BITS)
def test_ties_go_up(bits: int) -> None:
    upper, lower = inq_exponents(1.0, bits)
    betas = [2.0**n for n in range(max(lower, -20), upper + 1)]
    alphas = [0.0 if beta == 2.0**lower else beta / 2 for beta in betas]
    ties = torch.tensor([(a + b) / 2 for a, b in zip(alphas, betas, strict=True)])
    codebook = INQ(bits).codebook(torch.ones(1))
    assert INQ(bits).quantize(ties, codebook).tolist() == betas
    assert INQ(bits).quantize(-ties, codebook).tolist() == [-beta for beta in betas]
    below = torch.nextafter(ties, torch.zeros(()))
    assert INQ(bits).quantize(below, codebook).tolist() == alphas


@patient
@given(st.floats(1.0, 100.0, width=32), st.floats(1.5, 1000.0, width=32), st.sampled_from(BITS))
def test_weights_past_a_stale_codebook_are_clamped(s: float, growth: float, bits: int) -> None:
    codebook = INQ(bits).codebook(torch.tensor([s]))
    grown = torch.tensor([s * growth, -s * growth])
    top = float(codebook.max())
    assert literal(s * growth * 4, inq_exponents(s, bits)) == 0.0  # what the equation alone gives
    assert INQ(bits).quantize(grown, codebook).tolist() == [top, -top]


@patient
@given(st.lists(magnitudes, min_size=1, max_size=20), st.sampled_from(BITS))
def test_quantizing_is_idempotent_odd_and_stays_in_the_codebook(
    sizes: list[float], bits: int
) -> None:
    values = torch.tensor(sizes)
    codebook = INQ(bits).codebook(values)
    once = INQ(bits).quantize(values, codebook)
    assert torch.equal(INQ(bits).quantize(once, codebook), once)
    assert torch.equal(INQ(bits).quantize(-values, codebook), -once)
    assert torch.isin(once, codebook).all()


def test_shape_and_memory_order_do_not_matter() -> None:
    weight = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    turned = weight.to(memory_format=torch.channels_last)
    assert torch.equal(quantized(weight, 4), quantized(turned, 4))
    assert torch.equal(quantized(weight, 4).flatten(), quantized(weight.flatten(), 4))


@pytest.mark.parametrize("bits", BITS)
def test_all_zero_layer(bits: int) -> None:
    weight = torch.zeros(3, 2, 1, 1)
    assert INQ(bits).codebook(weight).tolist() == [0.0]
    assert torch.equal(quantized(weight, bits), weight)


def test_portions_are_the_papers() -> None:
    assert inq_portions(2) == (0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 1.0)
    assert inq_portions(3) == (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
    assert inq_portions(4) == (0.3, 0.5, 0.8, 0.9, 0.95, 1.0)
    for bits in (5, 6, 7, 8):
        assert inq_portions(bits) == (0.5, 0.75, 0.875, 1.0)


@pytest.mark.parametrize("bits", [1, 9, 32])
def test_other_bits_are_refused(bits: int) -> None:
    with pytest.raises(QsaError, match=f"2 to 8 bits, not {bits}"):
        INQ(bits)
