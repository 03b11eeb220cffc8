"""8-bit activations: power-of-two scales by least squares, whole codes, straight-through."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_qsa.quantization import InputQuantizer
from napari_qsa.quantization.activations import PowerOfTwo, quantize_codes

U8, S8 = PowerOfTwo(8), PowerOfTwo(8, signed=True)
patient = settings(deadline=None, max_examples=50)
values = st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=50).filter(
    lambda many: max(map(abs, many)) > 1e-3
)


def literal(value: float, scale: float, lowest: int, highest: int) -> float:
    return min(max(round(value / scale), lowest), highest) * scale


def squared_error(sample: Tensor, scale: float, lowest: int, highest: int) -> float:
    return sum((literal(v, scale, lowest, highest) - v) ** 2 for v in sample.tolist())


def on(scale: float, lowest: int, highest: int) -> InputQuantizer:
    quantizer = InputQuantizer()
    quantizer.set(scale, lowest, highest)
    return quantizer


@pytest.mark.parametrize("scheme", [U8, S8], ids=lambda scheme: scheme.name)
@patient
@given(values)
def test_scale_is_the_best_power_of_two(scheme: PowerOfTwo, many: list[float]) -> None:
    sample = torch.tensor(many)
    scale, lowest, highest = scheme.calibrate(sample)
    assert math.frexp(scale)[0] == 0.5
    ours = squared_error(sample, scale, lowest, highest)
    neighbours = [squared_error(sample, scale * 2.0**n, lowest, highest) for n in (-2, -1, 1, 2, 3)]
    assert ours <= min(neighbours) * (1 + 1e-9)


def test_least_error_clips_a_lonely_outlier() -> None:
    sample = torch.cat(
        [torch.rand(20_000, generator=torch.Generator().manual_seed(0)) * 1.9, torch.tensor([2.4])]
    )
    scale, _, highest = U8.calibrate(sample)
    assert scale == 2.0**-7  # 2**-6 would hold the outlier, at twice the step for all the rest
    assert highest * scale < 2.4


@pytest.mark.parametrize(
    ("scheme", "sample", "codes"),
    [
        (U8, [0.0, 1.0], (0, 255)),
        (U8, [-0.001, 1.0], (-128, 127)),
        (U8, [0.0, 0.0], (0, 255)),
        (S8, [0.0, 1.0], (-128, 127)),
        (S8, [-1.0, 1.0], (-128, 127)),
    ],
)
def test_unsigned_where_nothing_is_negative(
    scheme: PowerOfTwo, sample: list[float], codes: tuple[int, int]
) -> None:
    assert scheme.calibrate(torch.tensor(sample))[1:] == codes


def test_known_scales() -> None:
    ramp = torch.linspace(0, 255, 256)
    assert U8.calibrate(ramp / 64)[0] == 2.0**-6  # every value is a code: no error at all
    assert S8.calibrate((ramp - 128) / 16)[0] == 2.0**-4


@patient
@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40),
    st.integers(-10, 4),
    st.sampled_from([(0, 255), (-128, 127)]),
)
def test_codes_are_whole_numbers_in_range(
    many: list[float], exponent: int, codes: tuple[int, int]
) -> None:
    scale = 2.0**exponent
    out = on(scale, *codes)(torch.tensor(many))
    whole = out / scale
    assert torch.equal(whole, whole.round())
    assert whole.min() >= codes[0]
    assert whole.max() <= codes[1]
    expected = [literal(value, scale, *codes) for value in many]  # Python rounds ties to even too
    assert out.tolist() == expected
    assert torch.equal(out, quantize_codes(torch.tensor(many), scale, *codes))


def test_gradient_goes_straight_through_inside_the_range_only() -> None:
    inputs = torch.tensor([-9.0, -0.3, 0.2, 0.6, 126.7, 200.0], requires_grad=True)
    on(1.0, -8, 127)(inputs).backward(torch.arange(1.0, 7.0))
    assert inputs.grad is not None
    assert inputs.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 5.0, 0.0]


def test_off_until_calibrated() -> None:
    quantizer = InputQuantizer()
    inputs = torch.randn(5)
    assert not quantizer.enabled
    assert quantizer(inputs) is inputs
    quantizer.set(0.5, 0, 255)
    assert quantizer.enabled
    assert quantizer(inputs) is not inputs


@pytest.mark.parametrize("assign", [False, True])
def test_state_keeps_it_on(assign: bool) -> None:
    quantizer = on(2.0**-5, -128, 127)
    other = InputQuantizer()
    other.load_state_dict(quantizer.state_dict(), assign=assign)
    inputs = torch.randn(100) * 4
    assert other.enabled
    assert torch.equal(other(inputs), quantizer(inputs))
    other.load_state_dict(InputQuantizer().state_dict())
    assert not other.enabled


def test_recording_happens_before_quantizing() -> None:
    quantizer = on(1.0, 0, 255)
    quantizer.recorded = []
    quantizer(torch.tensor([[0.25, 0.75]]))
    assert [part.tolist() for part in quantizer.recorded] == [[0.25, 0.75]]
