"""``napari-qsa schemes``: how weights and activations can be quantized."""

from dataclasses import asdict

from napari_qsa.cli.console import emit, say
from napari_qsa.cli.options import JsonOption


def schemes(as_json: JsonOption = False) -> None:
    """List the schemes for weights and activations: bits, memory, integers, source.

    Of fixed point there are more than are listed: q<i>.<f> has i bits before the point and f
    after it beside the sign, qpaper<i>.<f> is the published formula to the letter.

    On integers both weights and activations must fit int8. Exact: with the very same values.
    Rounded: the same codes but a step that is no power of two, so that sums in float round
    otherwise. No: it runs in float, and the bits save storage only.

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
            row["memory"] = f"{row['factor']:.3g}x less" if row["factor"] > 1 else "as float"
        say(f"{kind.capitalize()}:")
        say(text_table(rows, ["name", "bits", "memory", "integers", "about", "source"]))
        say("")
    say("Integers: weights and activations must both fit int8; see napari-qsa schemes --help.")
