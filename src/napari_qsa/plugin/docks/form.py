"""A form for a dataclass of options, so that docks and commands share one definition."""

import dataclasses
import typing
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, Widget

T = TypeVar("T")
UNKNOWN = "assumed"


class Form(Container, Generic[T]):
    """A row for each field of a frozen dataclass of options.

    A field's metadata gives its ``label`` and ``help``. A ``float | None`` that is not set
    reads `UNKNOWN`; a string is chosen from the pairs of label and value that `choices` gives
    under the field's name.

    Parameters
    ----------
    options
        The dataclass.
    before
        Rows above those of the options.
    """

    def __init__(
        self,
        options: type[T],
        choices: dict[str, Callable[[Any], Sequence[tuple[str, str]]]],
        before: Sequence[Widget] = (),
    ) -> None:
        self._options = options
        types = typing.get_type_hints(options)
        self._rows = {
            field.name: _row(field, types[field.name], choices.get(field.name))
            for field in dataclasses.fields(options)  # type: ignore[arg-type]
        }
        super().__init__(widgets=[*before, *self._rows.values()], labels=True)
        self.margins = (0, 0, 0, 0)

    def get(self) -> T:
        """Return the options as they are set."""
        return self._options(**{name: _value(row) for name, row in self._rows.items()})

    def put(self, **values: Any) -> None:
        """Set some of the options; a number beyond a row's range counts as not known."""
        for name, value in values.items():
            row = self._rows[name]
            if isinstance(row, FloatSpinBox) and (value is None or not value <= row.max):
                value = row.min
            row.value = value


def _row(field: "dataclasses.Field[Any]", kind: Any, choices: Any) -> Any:
    default: Any = field.default
    common: dict[str, Any] = {
        "name": field.name,
        "label": field.metadata["label"],
        "tooltip": field.metadata["help"],
    }
    if kind is bool:
        return CheckBox(value=default, text="", **common)
    if kind is str:
        return ComboBox(value=default, choices=choices, **common)
    if kind == float | None:
        row = FloatSpinBox(value=default or 0.0, min=0.0, max=20.0, step=0.01, **common)
        row.native.setDecimals(5)
        row.native.setSpecialValueText(UNKNOWN)
        return row
    raise TypeError(f"no form for {kind}")


def _value(row: Any) -> Any:
    unset = isinstance(row, FloatSpinBox) and row.value == row.min
    return None if unset else row.value
