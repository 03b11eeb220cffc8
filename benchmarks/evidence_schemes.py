"""Evidence on weight and activation schemes: what they cost, in accuracy and in bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evidence_parts import (
    MIN_SEEDS,
    TOO_FEW,
    Outcome,
    Part,
    Section,
    Values,
    Verdict,
    all_of,
    better,
    fixed,
    interval_of,
    met,
    table,
)

RIVALS = ("dorefa1", "twn")
EM_LOSS, EM_SMALLER = 2.21, 8.0
INTEGERS = "`inq4` with `u8` runs on integers alone, in this table"
EM_SCHEMES = ("q0.4", "qpaper0.4")


def weigh(path: Path) -> Values:
    """Weigh an ensemble file from its bytes, without loading a network."""
    from napari_qsa.session.inventory import take_inventory

    found = take_inventory(path)
    return {
        "name": path.stem,
        "date": found.card.date,
        "seed": ", ".join(map(str, sorted(set(found.card.seeds)))),
        "weights": found.card.weights,
        "members": found.card.members,
        "bytes": found.bytes,
        "float32_bytes": found.float32_bytes,
        "bits_per_weight": found.bits_per_weight,
    }


def memory(values: Values) -> Outcome:
    """Compare the bytes of an ensemble file with 32 over its bits."""
    bits = int(values["weights"].removeprefix("inq"))
    ratio = values["float32_bytes"] / values["bytes"]
    row = {
        "file": values["name"],
        "members": values["members"],
        "weights": f"`{values['weights']}`",
        "bytes": f"{values['bytes']:,}",
        "as float32": f"{values['float32_bytes']:,}",
        "times smaller": fixed(ratio, 2),
        "on paper": fixed(32 / bits, 2),
        "bits a weight": fixed(values["bits_per_weight"], 2),
    }
    why = f"{values['bytes']:,} bytes are {ratio:.1f} times fewer than float32; 32/{bits} is "
    return Outcome(
        [
            Verdict(
                f"`{values['name']}` is at least 32/{bits} times smaller",
                met(ratio >= 32 / bits),
                f"{why}{32 / bits:.1f}",
            )
        ],
        (table([row]),),
    )


def em(values: Values) -> Outcome:
    """Judge loss and memory of Q6.0 / Q0.4 on the EM stack."""
    rows, small, losses, fewest = [], [], [], 10**9
    for row in values["table"]:
        if row["weights"] in EM_SCHEMES:
            losses.append((row["loss"], row["weights"]))
            small.append(row["smaller"])
            fewest = min(fewest, row["seeds"])
        rows.append(
            {
                "scheme": row["name"] + (f", {row['formula']}" if row["formula"] else ""),
                "seeds": row["seeds"],
                "Dice, %": fixed(row["dice"], 2),
                "loss": fixed(row["loss"], 2),
                "bytes": f"{row['bytes']:,}",
                "times smaller": fixed(row["smaller"], 2),
                "paper's Dice": fixed(row["paper_dice"], 2),
                "paper's loss": fixed(row["paper_loss"], 2),
            }
        )
    words = [TOO_FEW if fewest < MIN_SEEDS else met(loss <= EM_LOSS) for loss, _ in losses]
    said = ", ".join(f"{fixed(loss, 2)} (`{name}`)" for loss, name in losses)
    kept = [met(times >= EM_SMALLER) for times in small]
    times = ", ".join(f"{fixed(each, 1)}" for each in small)
    return Outcome(
        [
            Verdict(
                "Q6.0 / Q0.4 loses at most 2.21 points on EM",
                all_of(words),
                f"points lost against float of the same schedule: {said}; seeds: {fewest}",
            ),
            Verdict(
                "Q0.4 weights take 8 times less", all_of(kept), f"files are {times} times smaller"
            ),
        ],
        (table(rows),),
        ran={
            "seed": ", ".join(sorted({str(each["seed"]) for each in values["results"]})),
            "data": values["data"],
        },
    )


def scheme_table(values: Values) -> Outcome:
    """Judge INQ against coarser schemes, each activation scheme being a repetition."""
    cells = {(cell["weights"], cell["activations"]): cell for cell in values["cells"]}
    activations = list(dict.fromkeys(key[1] for key in cells))
    words, said = [], []
    for own in ("inq4", "inq7"):
        for rival in RIVALS:
            pairs = [(cells.get((own, a)), cells.get((rival, a))) for a in activations]
            found = [x["object_dice"] - y["object_dice"] for x, y in pairs if x and y]
            if found:
                interval = interval_of(found)
                words.append(TOO_FEW if values["missing"] else better(interval))
                said.append(f"{own} less {rival} {interval.said()}")
    exact = cells.get(("inq4", "u8"))
    share = None if exact is None else exact["integer_share"]
    return Outcome(
        [
            Verdict(
                "INQ is better than 1-bit DoReFa and TWN",
                all_of(words),
                "; ".join(said) or "cells are missing",
            ),
            Verdict(
                INTEGERS,
                TOO_FEW if share is None else met(share == 1),
                "the cell is missing" if share is None else f"{share:.0%} of the multiply-adds do",
            ),
        ],
        (table([_cell_row(cell) for cell in values["cells"]]),),
    )


def seven_bit_file(values: Values) -> Outcome:
    """Compare the files of `inq7` in the table of schemes with 32/7."""
    found = [cell for cell in values["cells"] if cell["weights"] == "inq7"]
    times = [cell["times_smaller_than_float32"] for cell in found]
    listed = ", ".join(f"{fixed(each, 2)} times" for each in times)
    return Outcome(
        [
            Verdict(
                "a file of 7 bits is at least 32/7 times smaller",
                all_of([met(each >= 32 / 7) for each in times]),
                f"{listed} smaller than float32; 32/7 is {32 / 7:.2f}"
                if times
                else "cells are missing",
            )
        ]
    )


def _cell_row(cell: Values) -> dict[str, Any]:
    return {
        "weights": f"`{cell['weights']}`",
        "activations": f"`{cell['activations']}`",
        "object Dice": fixed(cell["object_dice"]),
        "F1": fixed(cell["f1"]),
        "pixel Dice": fixed(cell["pixel_dice"]),
        "bytes": f"{cell['bytes']:,}",
        "times smaller": fixed(cell["times_smaller_than_float32"], 1),
        "bits a weight": fixed(cell["bits_per_weight"], 2),
        "on integers": f"{cell['integer_share']:.0%}",
    }


def _shipped(name: str) -> Part:
    return Part(
        f"src/napari_qsa/ensembles/{name}.safetensors",
        f"napari-qsa info {name} --json",
        (f"`{name}` is at least 32/4 times smaller",),
        memory,
        "the file's bytes",
        read=weigh,
    )


SCHEMES = "python benchmarks/schemes.py GLAS RUNS --out benchmarks/results/schemes.json"

SECTIONS = (
    Section(
        "Memory falls with the bits",
        "4.6 times less memory at 7 bits and 6.4 times at 5 (Xu et al., CVPR 2018, arXiv "
        "1803.04907; quoted by others; computed by us, these are 32/7 and 32/5, of the weights "
        "alone). Public implementations keep the weights in float32: the saving is on paper.",
        "Supported if the file, with all it holds, is at least 32/bits times smaller than its "
        "values as float32. Codes are entropy-coded, which is why it can be more. What is "
        "weighed is the file: in PyTorch the weights of a network at work are float32, and "
        "activations are not stored at all.",
        (
            _shipped("glas-segmentation"),
            _shipped("glas-suggestive"),
            Part(
                "benchmarks/results/schemes.json",
                SCHEMES,
                ("a file of 7 bits is at least 32/7 times smaller",),
                seven_bit_file,
            ),
        ),
    ),
    Section(
        "Fixed point on electron microscopy",
        "Weights Q0.4 and activations Q6.0 take 8 times less memory and lose 2.21 points of Dice "
        "on EM (AskariHemmat et al., 2019, arXiv 1908.01073; read or quoted by others). The "
        "paper's Dice of each row, and the losses made of it, are *recalled*, not read again.",
        "Loss: supported if both formulas lose at most 2.21 points against float of the same "
        "schedule, in the mean of at least 3 seeds. Memory: supported if both files are at least "
        "8 times smaller than the float one; the first block and the last convolution stay "
        "float, as in the paper. Our networks are narrower and were trained for less.",
        (
            Part(
                "benchmarks/results/fixed_point_em.json",
                "python benchmarks/fixed_point_em.py EM RUNS --out "
                "benchmarks/results/fixed_point_em.json",
                ("Q6.0 / Q0.4 loses at most 2.21 points on EM", "Q0.4 weights take 8 times less"),
                em,
            ),
        ),
    ),
    Section(
        "Schemes side by side",
        "INQ was adopted; DoReFa with 1 bit and TWN with 2 were tried and were worse (Xu et al., "
        "CVPR 2018; quoted by others). Ours: 4-bit INQ with 8-bit activations needs no float "
        "multiplication.",
        "Supported if `inq4` and `inq7` have an object Dice above that of `dorefa1` and `twn`, "
        "the activation schemes being the repetitions of a paired t interval: it holds no spread "
        "of seeds, as all cells go on from one float start. Integers: the share of the "
        "multiply-adds that OpenVINO really runs in int8, for each cell. (Of two trained and two "
        "drawn networks with `inq4` and `u8` it was measured before, by hand: all of them, see "
        "*Integers in OpenVINO* in `benchmarks/README.md`. No command of this package uses "
        "OpenVINO yet.)",
        (
            Part(
                "benchmarks/results/schemes.json",
                SCHEMES,
                (
                    "INQ is better than 1-bit DoReFa and TWN",
                    INTEGERS,
                ),
                scheme_table,
            ),
        ),
    ),
)
