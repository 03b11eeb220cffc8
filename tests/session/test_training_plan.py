"""What a plan says before torch is loaded, against the schemes themselves."""

from napari_qsa.quantization import WEIGHT_SCHEMES
from napari_qsa.session.training_plan import _bits


def test_bits_by_name_are_those_of_the_schemes() -> None:
    assert {name: _bits(name) for name in WEIGHT_SCHEMES} == {
        name: float(scheme.bits) for name, scheme in WEIGHT_SCHEMES.items()
    }
    assert _bits("q3.2") == 6.0
    assert _bits("of another release") == 32.0
