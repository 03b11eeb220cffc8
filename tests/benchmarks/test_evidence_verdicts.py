"""Verdicts of the page of evidence, by results made by hand in the format of each script."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "benchmarks"
YES, NO, FEW = "supported", "not supported", "too few to tell"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


def verdicts(module, judge, values):
    """The words of the verdicts of one results file."""
    outcome = getattr(importlib.import_module(module), judge)(values)
    assert all(text.startswith("| ") for text in outcome.tables if text)
    return [verdict.word for verdict in outcome.verdicts]


BEST_LAST = {"float-restarts": 0.1, "inq4": 0.2, "inq7": 0.3}
BEST_FIRST = {"float-restarts": 0.3, "inq4": 0.2, "inq7": 0.1}
HALF = [0.5] * 3


def study(gains):
    """Five seeds, each control at .5, and one quantized arm that gains so much by seed."""
    arms = {
        "SA": ("suggestive", "float"),
        "control": ("suggestive", "float-restarts"),
        "foreground_random": ("foreground_random", "float"),
        "QSA": ("suggestive", "inq4"),
    }

    def arm(name):
        rows = {str(s): [0.5, 0.5 + (g if name == "QSA" else 0)] for s, g in enumerate(gains)}
        return {
            "rounds": [{"value": 0.5}, {"value": 0.6}],
            "area": {"value": 0.55, "half": 0.01, "n": len(gains)},
            "by_seed": rows,
        }

    return {
        "date": "2026-01-02",
        "data": "glas",
        "arms": {n: {"name": n, "strategy": s, "weights": w} for n, (s, w) in arms.items()},
        "sizes": [8, 16],
        "seeds": {name: {"finished": list(range(len(gains)))} for name in arms},
        "scores": {
            key: {"full": None, "arms": {name: arm(name) for name in arms}}
            for key in ("object_dice", "f1", "object_hausdorff")
        },
    }


@pytest.mark.parametrize(("full", "told"), [(0.51, True), (0.53, False), (None, False)])
def test_a_study_without_power_says_so(full, told):
    """It begins at 0.5, and full supervision is known to within 0.02."""
    values = study([0.01] * 3)
    if full is not None:
        values["scores"]["object_dice"]["full"] = {"value": full, "half": 0.02, "n": 3}
    notes = importlib.import_module("evidence_choice").chosen(values).notes
    assert bool(notes) == told


def ablation(scores, seeds=3):
    """Scores of schemes, the same on both sides; a seed adds a little to all of them alike."""
    cells = [
        {
            "suggestive": one,
            "segmentation": other,
            "members": members,
            "seed": seed,
            "pooled": dict.fromkeys(
                ("object_dice", "f1"), scores[one] + scores[other] + 0.01 * seed
            ),
        }
        for one in scores
        for other in scores
        for members in (1, 5)
        for seed in range(seeds)
    ]
    options = {"suggestive": list(scores), "segmentation": list(scores), "members": [1, 5]}
    options |= {"against": ["float-restarts", "inq7"], "seeds": seeds, "fold": 0}
    return {"date": "2026-01-02", "held_out": 20, "options": options, "cells": cells}


def effect(low, high):
    pooled = {"pooled": {"value": (low + high) / 2, "low": low, "high": high}}
    scores = {
        "pooled_object_dice": 0.8,
        "pooled_f1": 0.8,
        "auroc_of_uncertainty_for_wrong_pixels": 0.8,
        "expected_calibration_error_out_of_fold": 0.02,
    }
    return {
        "images": 85,
        "quantized": scores,
        "float_restarts": scores,
        "quantized_less_control": {"object_dice": pooled, "f1": pooled},
        "spearman_of_image_uncertainty": 0.9,
        "shared_of_16_candidates": 12,
        "shared_of_8_picks": 6,
    }


def em(loss, smaller, seeds=3):
    row = {"name": "Q6.0 / Q0.4", "formula": "saturating", "seeds": seeds, "bytes": 1000}
    row |= {"dice": 90.0, "paper_dice": None, "paper_loss": None}
    rows = [row | {"weights": name, "loss": loss, "smaller": smaller} for name in ("q0.4", "twn")]
    return {"data": "EM", "table": rows, "results": [{"seed": s} for s in range(seeds)]}


def scheme_cells(inq, rivals, share=1.0, missing=0):
    dice = {"inq4": inq, "inq7": inq, "dorefa1": rivals, "twn": rivals}
    cell = {"f1": 0.8, "pixel_dice": 0.8, "bytes": 1000, "bits_per_weight": 4.0}
    cell |= {"times_smaller_than_float32": 5.0, "integer_share": share}
    cells = [
        cell | {"weights": weights, "activations": a, "object_dice": value}
        for weights, values in dice.items()
        for a, value in zip(("float", "u8", "q4.4"), values, strict=True)
    ]
    return {"missing": missing, "cells": cells}


def networks(gain):
    scores = {"images": 20, "pixel_dice": 0.8, "f1": 0.8, "object_hausdorff": 100.0}
    rows = []
    for name, dice in (("efficient_fcn", 0.7 + gain), ("unet", 0.7)):
        found = scores | {"object_dice": dice}
        row = {"network": name, "options": {"width": 8}, "iterations": 10}
        rows.append(row | {"float": found, "inq4": found})
    return {"networks": rows}


def trained(last, iterations=1500, names=None, in_float=0.6):
    module = importlib.import_module("evidence_networks")
    held_out = {"images": 20, "pixel_dice_mean": 0.8, "object_dice": 0.7, "f1": 0.7}
    each = {"options": {"width": 8}, "parameters": 10, "bytes": 10, "processor_minutes": None}
    each |= {"dice": [[100, 0.4], [900, in_float], [1500, last]], "held_out": held_out}
    each |= {"float_phase_ends": 975}
    return {"iterations": iterations, "networks": dict.fromkeys(names or module.NETWORKS, each)}


def starts(imagenet, random, between):
    each = {"pixel_dice_mean": 0.8, "auroc_of_uncertainty_for_wrong_pixels": 0.8}
    names = {"imagenet-0": imagenet, "imagenet-1": imagenet, "random-0": random, "random-1": 0.2}
    pair = {"shared_candidates": 10, "shared_picks": 5}
    kinds = {"same start, other seed": 0.8, "other start, same seed": between}
    pairs = {k: pair | {"kind": k, "spearman_of_image_uncertainty": v} for k, v in kinds.items()}
    return {
        "shared_by_chance": {"candidates": 4.0, "picks": 1.0},
        "ensembles": {name: each | {"mean_uncertainty": value} for name, value in names.items()},
        "pairs": pairs,
        "mean_of_pairs": pairs,
    }


def folds(dice, f1, hausdorff, images=(0.8, 0.8, 0.8), merged=10):
    pooled = {"object_dice": dice, "f1": f1, "object_hausdorff": hausdorff}
    group = {"images": 85, "pooled": pooled, "pixel_dice_mean": 0.9, "split": 2}
    counts = merged if isinstance(merged, list) else [merged] * 5
    groups = {f"fold {n}": group | {"merged": count} for n, count in enumerate(counts)}
    groups["all"] = group | {"merged": sum(counts)}
    named = {f"train_{n}": [value, 0.8, 0.9] for n, value in enumerate(images)}
    return {"groups": groups, "images": named}


def ceiling(*cuts):
    """Objects as found at .8, cut to so much in each fold; over all images to the mean of it."""
    found = dict.fromkeys(("object_dice", "f1"), 0.8)
    named = {f"fold {n}": cut for n, cut in enumerate(cuts)} | {"all": sum(cuts) / len(cuts)}
    groups = {
        name: {"as found": found, "cut by the truth": dict.fromkeys(("object_dice", "f1"), cut)}
        for name, cut in named.items()
    }
    return {"groups": groups}


def recipe(wide, base=(0.7, 0.7, 0.7), folds="by patient"):
    each = {"images": 16, "pixel_dice_mean": 0.8, "f1": 0.8, "merged": 1, "split": 1}

    def row(values):
        scored = {f"fold {n}": each | {"object_dice": v} for n, v in enumerate(values)}
        return {"changed": {"crop": 256}} | scored

    return {"folds": folds, "recipes": {"base": row(base), "wide": row(wide)}}


def stains(brown):
    every = {"all": {"images": 100, "pixel_dice_mean": 0.9}}
    return {"immunohistochemistry_pixel_dice": brown, "ebhi": every}


def ranked(seconds, gib, load=1.0):
    case = {"strategy": "suggestive", "descriptors": "groups", "annotated": 0, "peak_gib": gib}
    case |= {"seconds": seconds, "processor_seconds": 50.0, "load_at_the_end": load}
    limits = {"seconds": 60.0, "gib": 4.0}
    return {"limits": limits, "cores": 2, "images": 1000000, "cases": [case]}


def gaps(ratio, rounds=3):
    both = {"longest_ms": 10.0, "p99_ms": 5.0}
    one = {"alone": both, "training": both}
    longest = {"alone": 10.0, "training": 10.0 * ratio}
    return {"rounds": [one] * rounds, "networks": 5, "longest_ms": longest, "ratio": ratio}


def cancels(seconds, later=2):
    one = {"while": "scoring", "seconds": seconds, "scored_before": 2, "kept": 2}
    return {
        "wanted_s": 2.0,
        "longest_s": seconds,
        "cancels": [one | {"on_disk_after_closing": later}],
    }


def weighed(size):
    values = {"name": "glas", "members": 5, "weights": "inq4", "bytes": size}
    return values | {"float32_bytes": 8000, "bits_per_weight": 2.0}


def beside(values, other):
    return values | {"beside": other}


CASES = [
    ("choice", "chosen", lambda: study([0.05, 0.06, 0.05, 0.06, 0.05]), [YES] * 3),
    ("choice", "chosen", lambda: study([-0.05, -0.06, -0.05]), [NO] * 3),
    ("choice", "chosen", lambda: study([0.001, -0.001, 0.0, 0.001, 0.0]), [NO] * 3),
    ("choice", "chosen", lambda: study([0.3, -0.3, 0.2]), [FEW] * 3),
    ("choice", "chosen", lambda: study([0.05, 0.05]), [FEW] * 3),
    ("bits", "seven_bits", lambda: ablation(BEST_LAST), [YES] * 2),
    ("bits", "seven_bits", lambda: ablation(BEST_FIRST), [NO] * 2),
    ("bits", "seven_bits", lambda: ablation({"float-restarts": 0.1, "inq7": 0.3}, 1), [FEW] * 2),
    ("bits", "four_bits", lambda: effect(-0.004, 0.002), [YES, YES]),
    ("bits", "four_bits", lambda: effect(-0.008, 0.002), [FEW, YES]),
    ("bits", "four_bits", lambda: effect(-0.02, -0.007), [NO, FEW]),
    ("schemes", "memory", lambda: weighed(999), [YES]),
    ("schemes", "memory", lambda: weighed(1001), [NO]),
    ("schemes", "seven_bit_file", lambda: scheme_cells([0.8] * 3, [0.5] * 3), [YES]),
    ("schemes", "em", lambda: em(2.0, 8.1), [YES, YES]),
    ("schemes", "em", lambda: em(2.3, 7.9), [NO, NO]),
    ("schemes", "em", lambda: em(2.0, 8.1, seeds=1), [FEW, YES]),
    ("schemes", "scheme_table", lambda: scheme_cells([0.8, 0.81, 0.8], HALF), [YES, YES]),
    ("schemes", "scheme_table", lambda: scheme_cells(HALF, [0.8, 0.81, 0.8], 0.5), [NO, NO]),
    ("schemes", "scheme_table", lambda: scheme_cells([0.8] * 3, [0.5] * 3, missing=1), [FEW, YES]),
    ("networks", "chosen_network", lambda: networks(0.1), [FEW]),
    ("networks", "chosen_network", lambda: networks(0.1) | {"seeds": 3}, [YES]),
    ("networks", "chosen_network", lambda: networks(-0.1) | {"seeds": 3}, [NO]),
    ("networks", "curves", lambda: trained(0.7), [YES, FEW]),
    ("networks", "curves", lambda: trained(0.3), [NO, FEW]),
    ("networks", "curves", lambda: trained(0.7, in_float=0.3), [NO, FEW]),
    ("networks", "curves", lambda: trained(0.7, 1499), [FEW, FEW]),
    ("networks", "curves", lambda: trained(0.7, names=["unet"]), [FEW, FEW]),
    ("networks", "start", lambda: starts(0.1, 0.15, 0.5), [YES, YES]),
    ("networks", "start", lambda: starts(0.3, 0.25, 0.9), [NO, NO]),
    ("networks", "start", lambda: starts(0.17, 0.15, 0.8), [FEW, FEW]),
    ("accuracy", "out_of_fold", lambda: folds(0.93, 0.93, 44.0), [YES, YES]),
    ("accuracy", "out_of_fold", lambda: folds(0.88, 0.86, 46.0), [YES, NO]),
    ("accuracy", "out_of_fold", lambda: folds(0.87, 0.95, 46.0), [NO, NO]),
    (
        "accuracy",
        "wider",
        lambda: beside(folds(0.9, 0.9, 50.0, [0.9, 0.91, 0.9], 5), folds(0.8, 0.8, 60.0)),
        [YES, YES, YES],
    ),
    (
        "accuracy",
        "wider",
        lambda: beside(folds(0.7, 0.9, 50.0, [0.9, 0.7, 0.8], 11), folds(0.8, 0.8, 60.0)),
        [NO, FEW, NO],
    ),
    (
        "accuracy",
        "wider",
        lambda: beside(
            folds(0.9, 0.9, 50.0, merged=[4, 8, 8, 7, 21]),
            folds(0.9, 0.9, 50.0, merged=[10, 10, 10, 15, 21]),
        ),
        [YES, FEW, FEW],
    ),
    ("error", "merging", lambda: beside(ceiling(*[0.91] * 5), folds(0.8, 0.8, 50.0)), [YES]),
    ("error", "merging", lambda: beside(ceiling(*[0.89] * 5), folds(0.8, 0.8, 50.0)), [NO]),
    (
        "error",
        "merging",
        lambda: beside(ceiling(0.86, 0.99, 0.87, 0.96, 0.9), folds(0.8, 0.8, 50.0)),
        [FEW],
    ),
    ("error", "recipes", lambda: recipe([0.8, 0.81, 0.8]), [YES]),
    ("error", "recipes", lambda: recipe([0.6, 0.61, 0.6]), [NO]),
    ("error", "recipes", lambda: recipe([0.8, 0.81], [0.7, 0.7]), [FEW]),
    ("error", "by_image", lambda: beside(recipe([0.8, 0.9]), recipe([0.6, 0.7])), [YES]),
    ("error", "by_image", lambda: beside(recipe([0.8, 0.9]), recipe([0.6, 0.85])), [FEW]),
    ("accuracy", "other_stains", lambda: stains(0.9), [YES]),
    ("accuracy", "other_stains", lambda: stains(0.89), [NO]),
    ("speed", "ranking", lambda: ranked(59.0, 3.9), [YES]),
    ("speed", "ranking", lambda: ranked(61.0, 3.9), [NO]),
    ("speed", "ranking", lambda: ranked(61.0, 3.9, load=5.0), [FEW]),
    ("speed", "ranking", lambda: ranked(59.0, 4.1), [NO]),
    ("speed", "gap", lambda: gaps(1.9), [YES]),
    ("speed", "gap", lambda: gaps(2.1), [NO]),
    ("speed", "gap", lambda: gaps(1.9, rounds=2), [FEW]),
    ("speed", "cancel", lambda: cancels(1.9), [YES, YES]),
    ("speed", "cancel", lambda: cancels(2.1, later=3), [NO, NO]),
]


@pytest.mark.parametrize(("module", "judge", "make", "words"), CASES)
def test_a_verdict_follows_from_the_numbers(module, judge, make, words):
    assert verdicts(f"evidence_{module}", judge, make()) == words


def test_bits_that_change_nothing_are_told(tmp_path):
    def values(last):
        rows = [(f"inq{bits}", 0.2 if bits < 8 else last) for bits in range(2, 9)]
        rows += [(f"dorefa{bits}", 1 / 2**bits) for bits in range(2, 9)]
        found = [{"scheme": name, "relative_error": error} for name, error in rows]
        return {"same": 0.01, "schemes": found}

    assert verdicts("evidence_bits", "resolution", values(0.1999)) == [YES]
    assert verdicts("evidence_bits", "resolution", values(0.19)) == [NO]


def test_halves_are_rounded_up_as_by_hand():
    fixed = importlib.import_module("evidence_parts").fixed
    assert [fixed(value) for value in (0.7285, 0.9295, 0.7635, 0.8015)] == [
        "0.729",
        "0.930",
        "0.764",
        "0.802",
    ]
    assert [fixed(1000000.0, 1), fixed(-0.0005), fixed(3), fixed(None)] == [
        "1000000.0",
        "-0.001",
        "3.000",
        None,
    ]
