"""Packing: exact round trips, sizes near the entropy, and damaged or hostile blobs."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qsa.quantization import packing


@st.composite
def codes_and_levels(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    levels = draw(st.integers(1, 6) | st.integers(1, 256) | st.integers(257, 65536))
    count = draw(st.integers(0, 3000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sharpness = draw(st.sampled_from([0.0, 1.0, 8.0]))
    weights = np.exp(-sharpness * np.arange(levels) / levels)
    codes = rng.choice(levels, size=count, p=weights / weights.sum()).astype(
        packing.code_type(levels)
    )
    return codes, levels


@given(codes_and_levels())
@settings(max_examples=150, deadline=None)
def test_roundtrip(case: tuple[np.ndarray, int]) -> None:
    codes, levels = case
    blob, encoding = packing.pack(codes, levels)
    assert encoding in packing.ENCODINGS
    assert (blob.dtype, blob.ndim) == (np.uint8, 1)
    back = packing.unpack(blob, encoding, codes.size, levels)
    assert back.dtype == codes.dtype
    np.testing.assert_array_equal(back, codes)


@given(codes_and_levels())
@settings(max_examples=50, deadline=None)
def test_never_larger_than_bit_planes(case: tuple[np.ndarray, int]) -> None:
    codes, levels = case
    blob, _ = packing.pack(codes, levels)
    assert blob.size <= (levels - 1).bit_length() * ((codes.size + 7) // 8)


@pytest.mark.parametrize("encoding", packing.ENCODINGS)
def test_each_encoding_is_chosen_somewhere(encoding: str) -> None:
    rng = np.random.default_rng(0)
    cases = {
        "planes": (rng.integers(0, 256, 4000, dtype=np.uint8), 256),
        "pairs": (rng.choice(9, 4000, p=np.array([1, 2, 4, 8, 16, 8, 4, 2, 1]) / 46), 9),
        "digits": (rng.integers(0, 3, 4000), 3),
        "zdigits": (rng.choice(3, 40_000, p=[0.1, 0.8, 0.1]), 3),
        "zlib": (np.minimum(rng.geometric(0.3, 4000), 60), 61),
    }
    codes, levels = cases[encoding]
    assert packing.pack(codes, levels)[1] == encoding


@pytest.mark.parametrize("std", [0.02, 0.03, 1.0])
def test_gaussian_inq4_is_near_its_entropy(std: float) -> None:
    """Nine levels, far from uniform: within 4 % of the entropy, far below the 4 bits of planes."""
    w = std * np.random.default_rng(0).standard_normal(589_824)
    n1 = int(np.floor(np.log2(4 * np.abs(w).max() / 3)))
    thresholds = [2.0 ** (n1 - 4), *(1.5 * 2.0 ** np.arange(n1 - 3, n1))]
    codes = (np.digitize(np.abs(w), thresholds) * np.where(w < 0, -1, 1) + 4).astype(np.uint8)
    p = np.bincount(codes, minlength=9) / codes.size
    entropy = -(p[p > 0] * np.log2(p[p > 0])).sum()
    blob, _ = packing.pack(codes, 9)
    bits = 8 * blob.size / codes.size
    assert entropy <= bits < 1.04 * entropy
    assert bits < 3


@pytest.mark.parametrize(("levels", "bits"), [(2, 1.0), (3, 1.6), (4, 2.0), (5, 8 / 3)])
def test_bits_of_even_codes(levels: int, bits: float) -> None:
    codes = np.random.default_rng(0).integers(0, levels, 120_000)
    blob, _ = packing.pack(codes, levels)
    assert 8 * blob.size / codes.size <= bits + 1e-3


def test_gaussian_ternary_is_near_its_entropy() -> None:
    """TWN of normal weights: 42.4 % zeros, 1.559 bits."""
    w = np.random.default_rng(0).standard_normal(200_000)
    codes = np.where(np.abs(w) > 0.7 * np.abs(w).mean(), np.sign(w), 0) + 1
    blob, _ = packing.pack(codes, 3)
    assert 1.55 < 8 * blob.size / codes.size < 1.59


def test_wide_codes_that_are_small_cost_little_more_than_a_byte() -> None:
    codes = np.rint(20 * np.random.default_rng(0).standard_normal(20_000)) + 32767
    blob, encoding = packing.pack(codes, 65535)
    assert encoding == "zlib"
    assert 8 * blob.size / codes.size < 6.7  # of 6.4 bits of entropy
    np.testing.assert_array_equal(packing.unpack(blob, encoding, codes.size, 65535), codes)


@given(codes_and_levels(), st.data())
@settings(max_examples=150, deadline=None)
def test_damage_is_a_value_error_or_valid_codes(
    case: tuple[np.ndarray, int], data: st.DataObject
) -> None:
    codes, levels = case
    blob, encoding = packing.pack(codes, levels)
    damaged = blob.copy()
    if damaged.size and data.draw(st.booleans()):
        damaged[data.draw(st.integers(0, damaged.size - 1))] ^= np.uint8(
            1 << data.draw(st.integers(0, 7))
        )
    else:
        damaged = damaged[: data.draw(st.integers(0, damaged.size))]
    try:
        back = packing.unpack(damaged, encoding, codes.size, levels)
    except ValueError:
        return
    assert back.shape == codes.shape
    assert not back.size or int(back.max()) < levels


def test_bomb_is_not_inflated() -> None:
    bomb = np.frombuffer(zlib.compress(bytes(50_000_000), 9), dtype=np.uint8)
    with pytest.raises(ValueError, match="exactly 10 bytes"):
        packing.unpack(bomb, "zlib", 10, 4)
    with pytest.raises(ValueError, match="exactly 5 bytes"):
        packing.unpack(bomb, "pairs", 10, 4)


def test_trailing_bytes_are_refused() -> None:
    blob = np.frombuffer(zlib.compress(bytes(10)) + b"x", dtype=np.uint8)
    with pytest.raises(ValueError, match="exactly"):
        packing.unpack(blob, "zlib", 10, 4)


@pytest.mark.parametrize(
    ("codes", "levels", "match"),
    [
        ([0, 4], 4, "codes are 0 to 4, but there are 4 levels"),
        ([257], 256, "codes are 257 to 257"),  # not the code 1
        ([-1], 9, "codes are -1 to -1"),
        ([65536], 300, "codes are 65536"),
        ([0], 0, "1 to 65536"),
        ([0], 65537, "1 to 65536"),
    ],
)
def test_pack_refuses(codes: list[int], levels: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        packing.pack(np.array(codes), levels)


def test_unpack_refuses_codes_beyond_the_codebook() -> None:
    blob = np.frombuffer(zlib.compress(bytes([0, 1, 5])), dtype=np.uint8)
    with pytest.raises(ValueError, match="only 4 levels"):
        packing.unpack(blob, "zlib", 3, 4)
    with pytest.raises(ValueError, match="unknown encoding"):
        packing.unpack(blob, "lzma", 3, 4)


@pytest.mark.parametrize(
    ("blob", "count", "match"),
    [
        ([243], 5, "more than 5 digits"),
        ([242], 4, "digit after the last"),
        ([1, 1], 5, "need 1 bytes"),
        ([], 5, "need 1 bytes"),
    ],
)
def test_digits_that_cannot_be(blob: list[int], count: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        packing.unpack(np.array(blob, dtype=np.uint8), "digits", count, 3)
    with pytest.raises(ValueError, match="unknown encoding"):
        packing.unpack(np.array(blob, dtype=np.uint8), "digits", count, 7)
