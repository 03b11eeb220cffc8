"""Why an image was suggested, in a few words: what decided, and its number."""

from napari_qsa.suggestion import strategies as by

NAMES = {
    by.COVERAGE: "coverage",
    by.UNCERTAINTY: "uncertainty",
    by.ENTROPY: "entropy",
    by.ENTROPY_GLAND: "entropy of gland",
    by.ENTROPY_BACKGROUND: "entropy of background",
    by.MUTUAL_INFORMATION: "mutual information",
    by.DISTANCE: "distance",
    by.CENTRE: "distance to the mean",
    by.GRADIENT: "gradient",
    by.GRADIENT_DISTANCE: "distance of gradients",
    by.FOREGROUND: "share of gland",
    by.CHANCE: "chance",
    "": "",
}
"""What a table calls what decided, by its name in `napari_qsa.suggestion`."""


def decided(what: str, score: float | None, place: tuple[int, int] | None, narrowed: bool) -> str:
    """Say what decided that an image was picked; empty where that is only what it stands for.

    Parameters
    ----------
    what
        One of `NAMES`.
    score
        The number that decided, if there is one.
    place
        Of the image among all that could be picked, by uncertainty; and how many these are.
        None where the uncertainty means nothing.
    narrowed
        Whether uncertainty chose the candidates.
    """
    number = "" if score is None else f"{score:.3g}"
    match what:
        case by.COVERAGE if not narrowed:
            return ""
        case by.COVERAGE | by.UNCERTAINTY:
            return "" if place is None else f"uncertain (number {place[0]} of {place[1]})"
        case by.ENTROPY:
            return f"undecided (entropy {number} bits)"
        case by.ENTROPY_GLAND:
            return f"undecided where gland is predicted (entropy {number} bits), with chance"
        case by.ENTROPY_BACKGROUND:
            return f"undecided where none is predicted (entropy {number} bits), with chance"
        case by.MUTUAL_INFORMATION:
            return f"the networks contradict one another (mutual information {number} bits)"
        case by.DISTANCE:
            return f"far from what is annotated or picked before (distance {number})"
        case by.CENTRE:
            return f"the nearest to the mean of all (distance {number})"
        case by.GRADIENT:
            return f"would change the networks most (gradient {number})"
        case by.GRADIENT_DISTANCE:
            return f"would change the networks in another way (distance {number}), with chance"
        case by.FOREGROUND:
            return f"drawn at random, by its share of gland ({float(score or 0):.0%})"
        case by.CHANCE:
            return "drawn at random"
    return ""
