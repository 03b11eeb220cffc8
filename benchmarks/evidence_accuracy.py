"""Evidence on the accuracy of the ensembles that ship, here and on other stains."""

from __future__ import annotations

from functools import partial

from evidence_parts import (
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

FLOOR = {"object_dice": 0.88, "f1": 0.86}
AIM = {"object_dice": 0.92, "f1": 0.92, "object_hausdorff": 45.0}
TITLES = {"object_dice": "object Dice", "f1": "F1", "object_hausdorff": "object Hausdorff"}
BROWN_AIM = 0.90
WIDER = (
    "wider separators reach the floor",
    "wider separators find objects better",
    "wider separators merge fewer",
)
EBHI = "EBHI-SEG, 20 images a class; scikit-image's `immunohistochemistry`"


def reaches(pooled: Values, wanted: Values) -> tuple[str, str]:
    """Judge that all scores are as good as wanted; the distance counts downwards."""
    words, said = [], []
    for key, limit in wanted.items():
        value = pooled[key]
        lower = key == "object_hausdorff"
        words.append(met(value <= limit if lower else value >= limit))
        said.append(f"{TITLES[key]} {fixed(value, 1 if lower else 3)} (wanted {limit:g})")
    return all_of(words), ", ".join(said)


def out_of_fold(values: Values) -> Outcome:
    """Judge the ensemble by the floor and by the aim."""
    pooled = values["groups"]["all"]["pooled"]
    rows = [
        {
            "images": name,
            "n": group["images"],
            **{
                title: fixed(group["pooled"][key], 1 if key == "object_hausdorff" else 3)
                for key, title in TITLES.items()
            },
            "pixel Dice, mean": fixed(group["pixel_dice_mean"]),
            "merged": group["merged"],
            "split": group["split"],
        }
        for name, group in values["groups"].items()
    ]
    verdicts = [
        Verdict(f"one member reaches the {name}", *reaches(pooled, wanted))
        for name, wanted in (("floor", FLOOR), ("aim", AIM))
    ]
    return Outcome(verdicts, (table(rows),))


def wider(values: Values) -> Outcome:
    """Judge another ensemble by the floor, and against the shipped one, paired by image."""
    outcome = out_of_fold(values)
    own, other = values["images"], values["beside"]["images"]
    found = interval_of([own[name][0] - other[name][0] for name in own if name in other])
    groups, before = values["groups"], values["beside"]["groups"]
    fewer = interval_of(
        [before[name]["merged"] - groups[name]["merged"] for name in by_fold(groups)]
    )
    counts = "; ".join(
        f"{kind} {groups['all'][kind]}, before {before['all'][kind]}"
        for kind in ("merged", "split")
    )
    return Outcome(
        [
            outcome.verdicts[0]._replace(question=WIDER[0]),
            Verdict(
                WIDER[1],
                better(found),
                f"object Dice of an image {found.said()} in the mean, {found.n} images",
            ),
            Verdict(
                WIDER[2],
                better(fewer),
                f"{fewer.said(1)} fewer merged in a fold, {fewer.n} folds; in all {counts}",
            ),
        ],
        outcome.tables,
    )


def by_fold(groups: Values) -> list[str]:
    """Name the groups that are folds."""
    return sorted(name for name in groups if name.startswith("fold "))


def other_stains(values: Values, which: str = "shipped") -> Outcome:
    """Judge the brown stain by its aim; H&E of other laboratories had none."""
    rows = [
        {
            "class": name,
            "n": each["images"],
            "pixel Dice, mean": fixed(each["pixel_dice_mean"]),
            "median": fixed(each.get("pixel_dice_median")),
            "under .75": len(each["under_0.75"]) if "under_0.75" in each else None,
        }
        for name, each in values["ebhi"].items()
    ]
    brown = values["immunohistochemistry_pixel_dice"]
    return Outcome(
        [
            Verdict(
                f"pixel Dice {BROWN_AIM:g} on a brown stain, {which}",
                met(brown >= BROWN_AIM),
                f"pixel Dice {fixed(brown)} on one image; other H&E "
                f"{fixed(values['ebhi']['all']['pixel_dice_mean'])} in the mean, with no aim set",
            )
        ],
        (table(rows),),
    )


def _stain_part(name: str, ensemble: str, which: str) -> Part:
    return Part(
        f"{RESULTS}/{name}.json",
        f"python benchmarks/other_stains.py {ensemble} --ebhi EBHI --out {RESULTS}/{name}.json",
        (f"pixel Dice {BROWN_AIM:g} on a brown stain, {which}",),
        partial(other_stains, which=which),
        EBHI,
    )


RESULTS = "benchmarks/results"
BY_PATIENT = "GlaS, training part, five folds by patient"
SHIPPED = "src/napari_qsa/ensembles/glas-segmentation.safetensors"

SECTIONS = (
    Section(
        "Accuracy of the shipped segmentation ensemble",
        "Our own floor: out of fold, pooled over the 85 training images, object Dice .88 and F1 "
        ".86; our aim: .92, .92 and an object Hausdorff of 45 pixels. (For the size of things, "
        "QSA on the official test parts: F1 .930 / .862, object Dice .914 / .859, Hausdorff "
        "41.78 / 97.39, Xu et al., CVPR 2018; quoted by others. We did not touch those "
        "images.)",
        "Each image by the one member that never saw its patient, rules for objects "
        "cross-fitted. Floor and aim: supported if every score reaches its limit. `WIDE` is an "
        "ensemble with wider separators and half the iterations (`napari-qsa train GLAS --folds "
        "5 --iterations 1200 --seed 0`), which does not ship. Better: the 95 % t interval of the "
        "difference of an image's object Dice is above 0; images of one patient are alike, so it "
        "is rather too narrow. Fewer: the interval of the difference in merged glands of a fold, "
        "over the five folds, is above 0; what is split instead is told beside it.",
        (
            Part(
                f"{RESULTS}/out_of_fold.json",
                f"python benchmarks/out_of_fold.py GLAS {SHIPPED} --write-options "
                f"--out {RESULTS}/out_of_fold.json",
                ("one member reaches the floor", "one member reaches the aim"),
                out_of_fold,
                BY_PATIENT,
            ),
            Part(
                f"{RESULTS}/out_of_fold_wide.json",
                f"python benchmarks/out_of_fold.py GLAS WIDE --out {RESULTS}/out_of_fold_wide.json",
                WIDER,
                wider,
                BY_PATIENT,
                beside=f"{RESULTS}/out_of_fold.json",
            ),
        ),
    ),
    Section(
        "Other stains",
        "Our own aim: a pixel Dice of .90 on a brown stain that no training image had. Colon H&E "
        "of another laboratory is reported beside it, without an aim.",
        "Supported if it is reached; it is one image. The first table is of the shipped "
        "ensemble, the second of the one with wider separators.",
        (
            _stain_part("other_stains", SHIPPED, "shipped"),
            _stain_part("other_stains_wide", "WIDE", "wider separators"),
        ),
    ),
)
