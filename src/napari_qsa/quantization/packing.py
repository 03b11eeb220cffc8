"""Small blobs of bytes for arrays of quantization codes, and back, without loss.

A quantized layer stores one code per weight: an index into its codebook. The codes are far from
uniform (Gaussian weights have 2.33 bits of entropy at 4-bit INQ), so an entropy coder beats plain
bit packing; where it does not, bit planes are kept. Five encodings, the smallest one wins:

``zlib``
    DEFLATE over one byte per code; with more than 256 levels over two, first all low bytes and
    then all high ones, of codes counted from the middle of the codebook.
``pairs``
    DEFLATE over one byte per two codes (at most 16 levels): Huffman's whole-bit code lengths then
    cost less per code.
``planes``
    `numpy.packbits` of each bit of the codes, least significant plane first.
``digits``
    Codes of at most 6 levels as digits of one number per byte, as many as fit: five of three
    levels, 1.6 bits each.
``zdigits``
    DEFLATE over these.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16."""

Bytes = NDArray[np.uint8]

ENCODINGS = ("zlib", "pairs", "planes", "digits", "zdigits")
"""All encodings `unpack` understands."""

MAX_LEVELS = 2**16
"""Largest codebook: a code is two bytes at most."""

MAX_DIGIT = 6
"""Levels up to which three codes or more fit one byte."""

_STRATEGIES = (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY)


def pack(codes: NDArray[Any], levels: int) -> tuple[Bytes, str]:
    """Encode codes into as few bytes as the encodings allow.

    Parameters
    ----------
    codes
        Any shape, whole numbers, each below `levels`; the shape is not stored.
    levels
        Size of the codebook, 1 to 65,536.

    Returns
    -------
    blob
        ``(n,) uint8``.
    encoding
        One of `ENCODINGS`, for `unpack`.

    Raises
    ------
    ValueError
        If a code is negative or not below `levels`, or `levels` is out of range.
    """
    dtype = code_type(levels)
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < levels:
        raise ValueError(f"codes are {codes.min()} to {codes.max()}, but there are {levels} levels")
    flat: Codes = np.ascontiguousarray(codes, dtype=dtype).ravel()
    wide = flat.itemsize > 1
    blobs = {
        "zlib": _deflate(_to_halves(flat, levels) if wide else flat),
        "planes": _to_planes(flat, levels).tobytes(),
    }
    if levels <= 16:
        blobs["pairs"] = _deflate(_to_pairs(flat))
    if 1 < levels <= MAX_DIGIT:
        digits = _to_digits(flat, levels)
        blobs |= {"digits": digits.tobytes(), "zdigits": _deflate(digits)}
    encoding = min(blobs, key=lambda name: (len(blobs[name]), ENCODINGS.index(name)))
    return np.frombuffer(blobs[encoding], dtype=np.uint8).copy(), encoding


def unpack(blob: Bytes, encoding: str, count: int, levels: int) -> Codes:
    """Decode what `pack` made; never allocates more than `count` asks for.

    Parameters
    ----------
    blob
        ``(n,) uint8``.
    encoding
        One of `ENCODINGS`.
    count
        How many codes there must be.
    levels
        Size of the codebook, 1 to 65,536.

    Returns
    -------
    codes
        ``(count,)``, uint8 or with more than 256 levels uint16, each below `levels`.

    Raises
    ------
    ValueError
        If the blob does not hold exactly `count` codes below `levels` in this encoding.
    """
    wide = code_type(levels).itemsize > 1
    if count < 0:
        raise ValueError(f"the count of codes is negative: {count}")
    codes: Codes
    if encoding == "zlib":
        codes = _inflate(blob, 2 * count if wide else count)
        codes = _from_halves(codes, levels) if wide else codes
    elif encoding == "pairs" and not wide:
        codes = _from_pairs(_inflate(blob, (count + 1) // 2), count)
    elif encoding == "planes":
        codes = _from_planes(blob, count, levels)
    elif encoding in ("digits", "zdigits") and 1 < levels <= MAX_DIGIT:
        size = -(-count // digits_per_byte(levels))
        digits = _inflate(blob, size) if encoding == "zdigits" else blob
        codes = _from_digits(digits, count, levels)
    else:
        raise ValueError(f"unknown encoding {encoding!r}")
    if codes.size and int(codes.max()) >= levels:
        raise ValueError(f"a code is {int(codes.max())}, but there are only {levels} levels")
    return codes


def code_type(levels: int) -> np.dtype[np.unsignedinteger[Any]]:
    """Give the type of codes into a codebook; ValueError if there is none."""
    if not 1 <= levels <= MAX_LEVELS:
        raise ValueError(f"a codebook has 1 to {MAX_LEVELS} levels, not {levels}")
    return np.dtype(np.uint8 if levels <= 256 else np.uint16)


def digits_per_byte(levels: int) -> int:
    """Give how many digits of so many levels fit one byte: 8 for 2, 5 for 3, 4 for 4, else 3."""
    return {2: 8, 3: 5, 4: 4}.get(levels, 3)


def _deflate(raw: Codes) -> bytes:
    data = raw.tobytes()
    blobs = []
    for strategy in _STRATEGIES:
        packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
        blobs.append(packer.compress(data) + packer.flush())
    return min(blobs, key=len)


def _inflate(blob: Bytes, size: int) -> Bytes:
    """Inflate exactly `size` bytes; one byte more is asked for, so that a bomb shows itself."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(np.ascontiguousarray(blob).tobytes(), size + 1)
    except zlib.error as error:
        raise ValueError(f"the codes do not decompress ({error})") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"the codes do not decompress to exactly {size} bytes")
    return np.frombuffer(data, dtype=np.uint8).copy()


def _to_pairs(flat: Codes) -> Bytes:
    even = np.append(flat, np.uint8(0)) if flat.size % 2 else flat
    return (even[0::2] | (even[1::2] << 4)).astype(np.uint8)


def _from_pairs(pairs: Bytes, count: int) -> Bytes:
    codes = np.empty(2 * pairs.size, dtype=np.uint8)
    codes[0::2] = pairs & np.uint8(15)
    codes[1::2] = pairs >> np.uint8(4)
    if codes.size > count and codes[-1]:
        raise ValueError("the half byte after the last code is not zero")
    return codes[:count]


def _to_halves(flat: Codes, levels: int) -> Bytes:
    """Count from the middle, 0, -1, 1, -2 and on: small ones need no high byte."""
    off = flat.astype(np.int32) - levels // 2
    folded = np.where(off < 0, -2 * off - 1, 2 * off).astype("<u2")
    return folded.view(np.uint8).reshape(-1, 2).T.ravel()


def _from_halves(halves: Bytes, levels: int) -> Codes:
    folded = halves.reshape(2, -1).T.copy().view("<u2").ravel().astype(np.int32)
    codes = np.where(folded % 2, -(folded + 1) // 2, folded // 2) + levels // 2
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < levels:
        raise ValueError(f"a code is not of the {levels} levels")
    return codes.astype(np.uint16)


def _to_digits(flat: Codes, levels: int) -> Bytes:
    each = digits_per_byte(levels)
    digits = np.zeros((-(-flat.size // each), each), dtype=np.uint8)
    digits.ravel()[: flat.size] = flat
    return (digits @ (levels ** np.arange(each))).astype(np.uint8)


def _from_digits(numbers: Bytes, count: int, levels: int) -> Bytes:
    each = digits_per_byte(levels)
    if numbers.shape != (-(-count // each),):
        raise ValueError(f"{count} codes need {-(-count // each)} bytes, not {numbers.size}")
    if numbers.size and int(numbers.max()) >= levels**each:
        raise ValueError(f"a byte is more than {each} digits of {levels} levels can be")
    digits = numbers[:, None] // levels ** np.arange(each) % levels
    if digits.ravel()[count:].any():
        raise ValueError("a digit after the last code is not zero")
    return digits.ravel()[:count].astype(np.uint8)


def _bits(levels: int) -> int:
    return (levels - 1).bit_length()


def _to_planes(flat: Codes, levels: int) -> Bytes:
    planes = [np.packbits(((flat >> bit) & 1).astype(np.uint8)) for bit in range(_bits(levels))]
    return np.concatenate(planes) if planes else np.empty(0, dtype=np.uint8)


def _from_planes(blob: Bytes, count: int, levels: int) -> Codes:
    bits, width = _bits(levels), (count + 7) // 8
    if blob.size != bits * width:
        raise ValueError(f"{count} codes of {bits} bits need {bits * width} bytes, not {blob.size}")
    codes = np.zeros(count, dtype=code_type(levels))
    for bit, plane in enumerate(np.ascontiguousarray(blob).reshape(bits, width)):
        codes |= np.unpackbits(plane, count=count).astype(codes.dtype) << bit
    return codes
