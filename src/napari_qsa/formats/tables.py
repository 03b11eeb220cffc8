"""Tables as CSV."""

import csv
import io
import os
from collections.abc import Mapping, Sequence

from napari_qsa.formats.atomic import replacing


def write_csv(
    path: str | os.PathLike[str],
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str] | None = None,
) -> None:
    """Write rows as CSV in UTF-8, whole or not at all.

    The name of a file that is no UTF-8 comes out as the bytes it has on the disk.

    Parameters
    ----------
    path
        The file to make or replace; see `replacing`.
    rows
        One mapping a row. A missing entry or None is left empty; floats keep all their digits.
    columns
        The columns and their order; None takes all keys in the order they first appear.

    Raises
    ------
    QsaError
        If the file cannot be written.
    """
    if columns is None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))
