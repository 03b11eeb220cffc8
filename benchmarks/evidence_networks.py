"""Evidence on networks and on what they start from."""

from __future__ import annotations

from typing import Any

from evidence_parts import (
    MIN_SEEDS,
    TOO_FEW,
    Outcome,
    Part,
    Section,
    Values,
    Verdict,
    apart,
    fixed,
    joined,
    met,
    table,
)

NETWORKS = ("suggestive_fcn", "unet_fixed_point", "dcan", "multichannel", "unet", "efficient_fcn")
PUBLISHED = {"suggestive_fcn": 0.904, "dcan": 0.897, "multichannel": 0.908}
"""Object Dice on part A of GlaS, of full size: Yang 2017, Chen 2016 and Xu 2017, by others."""

ITERATIONS = 1500
LEARNS = "every network ends above its first point, with 4 bits too"
PICTURES = (
    "![Loss and validation Dice of each network along its training](images/network-curves.png)",
    "*Gray: loss of the training, which holds that of the side outputs and compares within a "
    "network only. Blue: validation Dice. The dotted line is the end of the float phase; after it "
    "come the activations and the stages of the weights.*",
    "![What each network finds in two samples](images/network-overlays.png)",
    "*Above a drawn image, below scikit-image's* immunohistochemistry*, neither of them like the "
    "images of the training. Cyan: where the probability of gland is .5. Yellow: where that of a "
    "separator between two glands is .5. They show how the outputs look, and no accuracy.*",
)
SCORES = {"pixel_dice": "pixel Dice", "object_dice": "object Dice", "f1": "F1"}
PAIRS = {
    "spearman_of_image_uncertainty": "Spearman of the uncertainties",
    "shared_candidates": "candidates shared, of 16",
    "shared_picks": "picks shared, of 8",
}


def chosen_network(values: Values) -> Outcome:
    """Compare networks at the same processor time."""
    rows = []
    for network in values["networks"]:
        options = ", ".join(f"{key} {value}" for key, value in network["options"].items())
        for phase in ("float", "inq4"):
            row: dict[str, Any] = {
                "network": f"`{network['network']}` ({options})",
                "iterations": network["iterations"],
                "weights": phase,
            }
            row |= {title: fixed(network[phase][key]) for key, title in SCORES.items()}
            rows.append(row | {"object Hausdorff": fixed(network[phase]["object_hausdorff"], 1)})
    dice = {each["network"]: each["inq4"]["object_dice"] for each in values["networks"]}
    gain = dice["efficient_fcn"] - dice["unet"]
    return Outcome(
        [
            Verdict(
                "`efficient_fcn` learns faster than `unet`",
                TOO_FEW if values.get("seeds", 1) < MIN_SEEDS else met(gain > 0),
                f"object Dice {gain:+.3f} at 4 bits, with {values.get('seeds', 1)} seed and "
                f"{values['networks'][0]['inq4']['images']} images",
            )
        ],
        (table(rows),),
    )


def curves(values: Values) -> Outcome:
    """Judge that every network ends above where it began, before and after its quantization."""
    found = values["networks"]
    missing = [name for name in NETWORKS if name not in found]
    short = values["iterations"] < ITERATIONS
    ends = {name: along(each) for name, each in found.items()}
    fell = [name for name, (first, *later) in ends.items() if min(later) <= first]
    rows = []
    for name, each in found.items():
        own = each["held_out"]
        options = each["options"]
        rows.append(
            {
                "network": f"`{name}`, width {options['width']}",
                "start": "ImageNet" if options.get("pretrained") else "random",
                "parameters": f"{each['parameters']:,}",
                "file, bytes": f"{each['bytes']:,}",
                "minutes of a core": fixed(each["processor_minutes"], 0),
                "validation Dice: first, end of float, last": ", ".join(
                    f"{fixed(dice)}" for dice in ends[name]
                ),
                "float phase ends at": each["float_phase_ends"],
                "pixel Dice": fixed(own["pixel_dice_mean"]),
                "object Dice": fixed(own["object_dice"]),
                "F1": fixed(own["f1"]),
                "published object Dice": fixed(PUBLISHED.get(name)),
            }
        )
    why = f"{len(found)} of {len(NETWORKS)} networks, {values['iterations']} iterations; "
    why += f"no rise of the Dice: {joined(fell)}" if fell else "all ended above their first point"
    fallen = [name for name, (_, float_end, last) in ends.items() if last < float_end]
    why += f"; below the end of their float phase: {joined(fallen) or 'none'}"
    word = TOO_FEW if missing or short else met(not fell)
    return Outcome(
        [
            Verdict(LEARNS, met(False) if fell else word, why),
            ranks(values),
        ],
        (table(rows),),
        (*how_scored(values), *PICTURES),
    )


def along(each: Values) -> tuple[float, float, float]:
    """Give the validation Dice at the first point, at the end of the float phase, at the last."""
    points = each["dice"]
    in_float = [dice for iteration, dice in points if iteration <= each["float_phase_ends"]]
    return points[0][1], in_float[-1], points[-1][1]


def how_scored(values: Values) -> list[str]:
    """Say on which images each figure is, and where the network that ships stands."""
    found = values["networks"]
    images = sorted({each["held_out"]["images"] for each in found.values()})
    notes = [
        "*Validation Dice* is of the pixels of glands, on 12 images of the held-out fold, as the "
        "training went on (in the float phase of the moving average of the weights); *first* is "
        f"at iteration {next(iter(found.values()))['dice'][0][0]}. *Pixel Dice* (mean of the "
        "images), object Dice and F1 (pooled) are of the finished network with 4-bit weights and "
        f"8-bit activations, on all {', '.join(map(str, images))} images of that fold, objects by "
        "the default rules."
    ]
    scores = {name: each["held_out"] for name, each in found.items()}
    worst = [min(scores, key=lambda name: scores[name][key]) for key in ("object_dice", "f1")]
    if len(found) > 1 and worst == ["efficient_fcn"] * 2:
        notes.append(
            "`efficient_fcn`, the network that ships, is the worst of them here by object Dice and "
            "F1, although it alone starts from ImageNet; above, it was ahead of `unet`. There its "
            "decoder had width 32, against a `unet` of 16, on crops of 192 pixels for as many "
            f"minutes; here its width is {found['efficient_fcn']['options']['width']} (of the "
            "decoder only: the encoder has one size), on crops of 128 for as many iterations, "
            "at the default rate, where two rates of the others had been tried for some "
            "iterations. Neither table, of one seed each, says which "
            "network is better."
        )
    return notes


def ranks(values: Values) -> Verdict:
    """Judge that the published order holds; a file holds one seed unless it says how many."""
    dice = {name: each["held_out"]["object_dice"] for name, each in values["networks"].items()}
    ours = sorted(PUBLISHED.keys() & dice.keys(), key=lambda name: -dice[name])
    theirs = sorted(PUBLISHED, key=lambda name: -PUBLISHED[name])
    seeds = values.get("seeds", 1)
    return Verdict(
        "they rank as in their papers",
        TOO_FEW if seeds < MIN_SEEDS or len(ours) < len(theirs) else met(ours == theirs),
        f"by object Dice {joined(ours)} here, {joined(theirs)} there; seeds: {seeds}",
    )


def start(values: Values) -> Outcome:
    """Compare ensembles that start from random weights with those from ImageNet ones."""
    ensembles, pairs = values["ensembles"], values["pairs"]
    spread = {
        kind: [each["mean_uncertainty"] for name, each in ensembles.items() if kind in name]
        for kind in ("imagenet", "random")
    }
    rho = {
        same: [
            pair["spearman_of_image_uncertainty"]
            for pair in pairs.values()
            if pair["kind"].startswith("same start") == same
        ]
        for same in (True, False)
    }
    rows = [
        {
            "ensemble": name,
            "mean uncertainty": fixed(each["mean_uncertainty"], 4),
            "pixel Dice": fixed(each["pixel_dice_mean"]),
            "AUROC for wrong pixels": fixed(each["auroc_of_uncertainty_for_wrong_pixels"]),
        }
        for name, each in ensembles.items()
    ]
    chance = values["shared_by_chance"]
    kinds: list[dict[str, Any]] = [
        {"pairs": kind, **{title: fixed(each[key], 2) for key, title in PAIRS.items()}}
        for kind, each in values["mean_of_pairs"].items()
    ]
    kinds.append(
        {
            "pairs": "by chance",
            PAIRS["shared_candidates"]: fixed(chance["candidates"], 2),
            PAIRS["shared_picks"]: fixed(chance["picks"], 2),
        }
    )
    return Outcome(
        [
            Verdict(
                "members from ImageNet disagree less",
                apart(spread["imagenet"], spread["random"]),
                f"mean uncertainty {_listed(spread['imagenet'], 4)} from ImageNet, "
                f"{_listed(spread['random'], 4)} from random weights",
            ),
            Verdict(
                "the start changes the ranking more than the seed does",
                apart(rho[False], rho[True]),
                f"Spearman's rho {_listed(rho[False], 2)} between starts, "
                f"{_listed(rho[True], 2)} between seeds of one start",
            ),
        ],
        (table(rows), table(kinds)),
        ran={"seed": ", ".join(sorted({name.rpartition("-")[2] for name in ensembles}))},
    )


def _listed(values: list[float], digits: int) -> str:
    return " and ".join(f"{fixed(value, digits)}" for value in values)


SECTIONS = (
    Section(
        "The network that ships",
        "Our own choice: EfficientNet-Lite0 from ImageNet weights with fusion of all scales "
        "learns faster than a plain U-Net of the same cost.",
        "Same processor time, one fold; fewer than 3 seeds are too few to tell.",
        (
            Part(
                "benchmarks/results/networks.json",
                "python benchmarks/network_table.py GLAS RUN... --out "
                "benchmarks/results/networks.json",
                ("`efficient_fcn` learns faster than `unet`",),
                chosen_network,
                "GlaS, training part, fold 0 left out",
                "0",
            ),
        ),
    ),
    Section(
        "The networks of the papers",
        "On part A of GlaS an object Dice of .904 for suggestive annotation with all labels "
        "(Yang et al., MICCAI 2017), .897 for DCAN (Chen et al., 2016) and .908 for the "
        "multichannel network (Xu et al., 2017), all quoted by others, of full width, on "
        "official test images that we did not touch.",
        "Supported if all six networks had 1,500 iterations, and their validation Dice was above "
        "its first point both at the end of the float phase and at the last point, with 4 bits; "
        "too few to tell while one is missing. That is little: it says that nothing breaks, not "
        "how well they segment, nor that 4 bits cost nothing. One seed of narrow networks ranks "
        "nothing.",
        (
            Part(
                "benchmarks/results/network_curves.json",
                "python benchmarks/network_curves.py GLAS RUNS --iterations 1500 --fold 0 "
                "--out benchmarks/results/network_curves.json",
                (LEARNS, "they rank as in their papers"),
                curves,
            ),
        ),
    ),
    Section(
        "A start from ImageNet",
        "Our own doubt: members that start from the same ImageNet weights may disagree less than "
        "those from random ones, and then rank the images otherwise.",
        "Two seeds of each start. Supported if all values of one kind are below all of the "
        "other, not supported if above, else too few to tell.",
        (
            Part(
                "benchmarks/results/suggestive_start.json",
                "python benchmarks/suggestive_start.py GLAS RUNS "
                "--out benchmarks/results/suggestive_start.json",
                (
                    "members from ImageNet disagree less",
                    "the start changes the ranking more than the seed does",
                ),
                start,
            ),
        ),
    ),
)
