"""``napari-qsa info`` and ``napari-qsa ensembles``: what files hold, without loading networks."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_qsa.cli.console import emit, say, size
from napari_qsa.cli.options import JsonOption
from napari_qsa.wording import counted

if TYPE_CHECKING:
    from napari_qsa.ensemble.card import EnsembleCard
    from napari_qsa.session.inventory import Inventory

UNSTATED = "terms not stated"


def info(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An ensemble file, or the name of a shipped one.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show what an ensemble file holds.

    Its training, sizes, encodings and terms of use are read from the file's bytes; no network is
    loaded.

    Example:
      napari-qsa info glas-segmentation --json
    """
    from napari_qsa.session.inventory import by_layer, take_inventory

    found = take_inventory(file)
    if as_json:
        emit(
            {
                "file": found.path,
                "card": asdict(found.card),
                "bytes": found.bytes,
                "float32_bytes": found.float32_bytes,
                "ratio": found.ratio,
                "values": found.values,
                "float_values": found.float_values,
                "bits_per_weight": found.bits_per_weight,
                "layers": [asdict(group) for group in by_layer(found.layers)],
            }
        )
        return
    from napari_qsa.evaluation.layout import text_table

    width = max(map(len, facts := _facts(found)))
    say("\n".join(f"{name.ljust(width)}  {value}" for name, value in facts.items() if value))
    if layers := by_layer(found.layers):
        say("\nWeights kept as codes, the members together:")
        columns = {
            "layer": "name",
            "weights": "values",
            "levels": "levels",
            "encoding": "encodings",
            "bits per weight": "bits_per_weight",
        }
        rows = [{title: getattr(layer, key) for title, key in columns.items()} for layer in layers]
        for row in rows:
            row["encoding"] = ", ".join(row["encoding"])
        say(text_table(rows))


def ensembles(as_json: JsonOption = False) -> None:
    """List the ensembles that come with the package.

    Example:
      napari-qsa ensembles
    """
    from napari_qsa.ensemble import shipped
    from napari_qsa.ensemble.card import read_card

    rows: list[dict[str, Any]] = []
    for name in shipped.names():
        path = shipped.path(name)
        card = read_card(path)
        rows.append(
            {
                "name": name,
                "role": card.role,
                "members": card.members,
                "network": card.network,
                "weights": card.weights,
                "activations": card.activations,
                "bytes": path.stat().st_size,
                "terms": terms(card),
            }
        )
    if as_json:
        emit({"ensembles": rows})
        return
    from napari_qsa.evaluation.layout import text_table

    if not rows:
        say("No ensemble comes with this installation.")
        return
    shown = [row | {"size": size(row["bytes"])} for row in rows]
    say(text_table(shown, ["name", "role", "members", "network", "weights", "size"]))
    for row in rows:
        say(f"\n{row['name']}: {row['terms']}")


def terms(card: "EnsembleCard") -> str:
    """Give the terms of use: the first of the notes that a user must read."""
    return card.notes[0] if card.notes else UNSTATED


def _facts(found: "Inventory") -> dict[str, str]:
    card = found.card
    options = "".join(f", {name}={value}" for name, value in sorted(card.network_options.items()))
    bits = found.bits_per_weight
    training = counted(len(card.training), "image")
    if card.folds:
        training += f", {counted(card.folds, 'fold')} by patient: member m has not seen fold m"
    elif card.training:
        training += ", a bootstrap of them for each member"
    return {
        "file": str(found.path),
        "role": card.role,
        "members": str(card.members),
        "network": f"{card.network}{options}, {counted(card.in_channels, 'channel')}",
        "weights": card.weights,
        "activations": card.activations,
        "own schemes": ", ".join(f"{layer} {scheme}" for layer, scheme in card.layers.items()),
        "size": f"{size(found.bytes)}; as float32 {size(found.float32_bytes)}, "
        f"{found.ratio:.1f} times as much",
        "bits per weight": "" if bits is None else f"{bits:.2f}, codebooks included",
        "pixel size": f"{card.pixel_size:g} µm; {card.source_pixel_size:g} µm is assumed for an "
        "image that does not say its own",
        "tiles": f"stride {card.stride}, halo {card.halo} pixels",
        "instances": ", ".join(f"{k} {v:g}" for k, v in asdict(card.instances).items()),
        "trained on": training,
        "seeds": ", ".join(map(str, card.seeds)),
        "made": f"{card.date} by napari-qsa {card.version}",
        "terms": " ".join(card.notes) or UNSTATED,
    }
