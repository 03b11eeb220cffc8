"""What the strategies of choosing images are called in the window, and what each looks for."""

from napari_qsa.plugin.workbench.tab_parts import count
from napari_qsa.session.doubts import COLD_BELOW
from napari_qsa.suggestion import goes_by_uncertainty

STRATEGIES = {
    "suggestive": ("Uncertain and typical", "the model is unsure of, and that stand for others"),
    "representative": ("Typical", "stand for many others"),
    "coreset": ("Far from what is done", "are least like those that are annotated"),
    "badge": ("Uncertain and varied", "the model is unsure of, each in another way"),
    "uncertainty": ("Uncertain", "the networks disagree on most"),
    "entropy": ("Undecided", "the networks together are least decided on"),
    "bald": ("Networks disagree", "the networks contradict one another on"),
    "foreground_random": ("Chance, rather glands", "are drawn by chance, those with glands rather"),
    "random": ("Chance", "are drawn by chance"),
    "class_stratified": ("Undecided, by class", "are least decided on glands, or on what is none"),
}
"""By name: what it is called, and the end of a sentence that begins with *images that*."""


def explained(accepted: int, he_glands: bool = False, strategy: str = "suggestive") -> str:
    """Say in a sentence by what the images are chosen now.

    Parameters
    ----------
    accepted
        Images that are accepted.
    he_glands
        Whether the user says that the images show glands in H&E.
    strategy
        One of `STRATEGIES`.
    """
    if accepted < COLD_BELOW and not he_glands and goes_by_uncertainty(strategy):
        return (
            f"With fewer than {COLD_BELOW} accepted images (now {accepted}) the choice is for "
            "variety: images that stand for many others. The uncertainty is only shown."
        )
    return f"The choice is of images that {STRATEGIES[strategy][1]} ({done(accepted)})."


def done(accepted: int) -> str:
    """Say how many images are accepted."""
    return f"{count(accepted, 'image')} accepted"
