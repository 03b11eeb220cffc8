"""``napari-qsa schemes``: how weights and activations can be quantized."""

from dataclasses import asdict

from napari_qsa.cli.console import emit, say
from napari_qsa.cli.options import JsonOption


def schemes(as_json: JsonOption = False) -> None:
    """List the schemes for weights and activations: bits, size, integers, source.

    Of fixed point there are more than are listed: q<i>.<f> has i bits before the point and f
    after it beside the sign, qpaper<i>.<f> is the published formula to the letter.

    Size is that of the weights in an ensemble file, before entropy coding, against float32.
    Activations are in no file, and the torch engine computes all of them in float32.

    Integers says whether a runtime of integers could compute the same; none comes with this
    package. Both weights and activations must fit int8. Exact: with the very same values; of inq5
    but for layers where a weight is +128 times the smallest. Rounded: the same codes but a step
    that is no power of two, so that sums in float round otherwise. No: not on int8.

    inq6 to inq8 are no finer than inq5: what they add are ever smaller powers of two. inq4 is the
    finest INQ that fits int8 for certain.

    Example:
      napari-qsa schemes
      napari-qsa train glas/ --out small.safetensors --weights twn --activations u8
    """
    from napari_qsa.quantization.catalogue import catalogue

    facts = catalogue()
    if as_json:
        emit({"schemes": [asdict(fact) for fact in facts]})
        return
    from napari_qsa.evaluation.layout import text_table

    for kind in ("weights", "activations"):
        rows = [asdict(fact) for fact in facts if fact.kind == kind]
        for row in rows:
            row["size"] = f"{row['factor']:.3g}x less" if row["factor"] > 1 else "as float"
        size = ["size"] if kind == "weights" else []
        say(f"{kind.capitalize()}:")
        say(text_table(rows, ["name", "bits", *size, "integers", "about", "source"]))
        say("")
    say("Size: of the weights in a file. Integers: whether a runtime of integers, which is no part")
    say("of this package, could compute the same: both must fit int8; --help says more.")
