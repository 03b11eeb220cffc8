"""Rows as text or Markdown; nothing here imports more than the standard library."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def text_table(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Lay rows out in aligned columns, numbers to the right; None is a blank."""
    header, cells, right = _cells(rows, columns)
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = []
    for line in [header, ["-" * width for width in widths], *cells]:
        aligned = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        )
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def markdown_table(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Write rows as a Markdown table, numbers to the right; None is a blank."""
    header, cells, right = _cells(rows, columns)
    rule = ["---:" if to_right else "---" for to_right in right]
    lines = [
        [cell.replace("|", "\\|").replace("\n", " ") for cell in line]
        for line in [header, rule, *cells]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(
    rows: Sequence[Row], columns: Sequence[str] | None
) -> tuple[list[str], list[list[str]], list[bool]]:
    """Header, cells as text, and whether a column is of numbers."""
    if columns is None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
    values = [[row.get(column) for column in columns] for row in rows]
    right = [
        all(_is_number(line[i]) or line[i] is None for line in values) and bool(values)
        for i in range(len(columns))
    ]
    return list(columns), [[_cell(value) for value in line] for line in values], right


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """Three decimals up to 10, one above: what the figures of this field are good for."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        if math.isnan(value):
            return "n/a"
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)
