"""Small blobs of bytes for arrays of quantization codes, and back, without loss.

A quantized layer stores one code per weight: an index into its codebook. The codes are far from
uniform (Gaussian weights have 2.33 bits of entropy at 4-bit INQ), so an entropy coder beats plain
bit packing; where it does not, bit planes are kept. Three encodings, the smallest one wins:

``zlib``
    DEFLATE over one byte per code.
``pairs``
    DEFLATE over one byte per two codes (at most 16 levels): Huffman's whole-bit code lengths then
    cost less per code.
``planes``
    `numpy.packbits` of each bit of the codes, least significant plane first.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]

ENCODINGS = ("zlib", "pairs", "planes")
"""All encodings `unpack` understands."""

MAX_LEVELS = 256
"""Largest codebook: a code is one byte."""

_STRATEGIES = (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY)


def pack(codes: Codes, levels: int) -> tuple[Codes, str]:
    """Encode codes into as few bytes as the encodings allow.

    Parameters
    ----------
    codes
        Any shape, ``uint8``, each below `levels`; the shape is not stored.
    levels
        Size of the codebook, 1 to 256.

    Returns
    -------
    blob
        ``(n,) uint8``.
    encoding
        One of `ENCODINGS`, for `unpack`.

    Raises
    ------
    ValueError
        If a code is not below `levels`, or `levels` is out of range.
    """
    _check_levels(levels)
    flat = np.ascontiguousarray(codes, dtype=np.uint8).ravel()
    if flat.size and int(flat.max()) >= levels:
        raise ValueError(f"a code is {int(flat.max())}, but there are only {levels} levels")
    blobs = {"zlib": _deflate(flat), "planes": _to_planes(flat, levels).tobytes()}
    if levels <= 16:
        blobs["pairs"] = _deflate(_to_pairs(flat))
    encoding = min(ENCODINGS, key=lambda name: len(blobs.get(name, blobs["zlib"])))
    return np.frombuffer(blobs[encoding], dtype=np.uint8).copy(), encoding


def unpack(blob: Codes, encoding: str, count: int, levels: int) -> Codes:
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
        Size of the codebook, 1 to 256.

    Returns
    -------
    codes
        ``(count,) uint8``, each below `levels`.

    Raises
    ------
    ValueError
        If the blob does not hold exactly `count` codes below `levels` in this encoding.
    """
    _check_levels(levels)
    if count < 0:
        raise ValueError(f"the count of codes is negative: {count}")
    if encoding == "zlib":
        codes = _inflate(blob, count)
    elif encoding == "pairs":
        codes = _from_pairs(_inflate(blob, (count + 1) // 2), count)
    elif encoding == "planes":
        codes = _from_planes(blob, count, levels)
    else:
        raise ValueError(f"unknown encoding {encoding!r}")
    if codes.size and int(codes.max()) >= levels:
        raise ValueError(f"a code is {int(codes.max())}, but there are only {levels} levels")
    return codes


def _check_levels(levels: int) -> None:
    if not 1 <= levels <= MAX_LEVELS:
        raise ValueError(f"a codebook has 1 to {MAX_LEVELS} levels, not {levels}")


def _deflate(raw: Codes) -> bytes:
    data = raw.tobytes()
    blobs = []
    for strategy in _STRATEGIES:
        packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
        blobs.append(packer.compress(data) + packer.flush())
    return min(blobs, key=len)


def _inflate(blob: Codes, size: int) -> Codes:
    """Inflate exactly `size` bytes; one byte more is asked for, so that a bomb shows itself."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(np.ascontiguousarray(blob).tobytes(), size + 1)
    except zlib.error as error:
        raise ValueError(f"the codes do not decompress ({error})") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"the codes do not decompress to exactly {size} bytes")
    return np.frombuffer(data, dtype=np.uint8).copy()


def _to_pairs(flat: Codes) -> Codes:
    even = np.append(flat, np.uint8(0)) if flat.size % 2 else flat
    return even[0::2] | (even[1::2] << np.uint8(4))


def _from_pairs(pairs: Codes, count: int) -> Codes:
    codes = np.empty(2 * pairs.size, dtype=np.uint8)
    codes[0::2] = pairs & np.uint8(15)
    codes[1::2] = pairs >> np.uint8(4)
    if codes.size > count and codes[-1]:
        raise ValueError("the half byte after the last code is not zero")
    return codes[:count]


def _bits(levels: int) -> int:
    return (levels - 1).bit_length()


def _to_planes(flat: Codes, levels: int) -> Codes:
    planes = [np.packbits((flat >> np.uint8(bit)) & np.uint8(1)) for bit in range(_bits(levels))]
    return np.concatenate(planes) if planes else np.empty(0, dtype=np.uint8)


def _from_planes(blob: Codes, count: int, levels: int) -> Codes:
    bits, width = _bits(levels), (count + 7) // 8
    if blob.size != bits * width:
        raise ValueError(f"{count} codes of {bits} bits need {bits * width} bytes, not {blob.size}")
    codes = np.zeros(count, dtype=np.uint8)
    for bit, plane in enumerate(np.ascontiguousarray(blob).reshape(bits, width)):
        codes |= np.unpackbits(plane, count=count) << np.uint8(bit)
    return codes
