"""What the tab of annotation says."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from napari_qsa.session.annotator import Opened, Saving

STATES = {
    "none": "○ Not annotated yet",
    "draft": "✎ Draft, not accepted yet",
    "accepted": "✓ Accepted",
}
ASKED = {"annotate": "asked for: annotate", "validate": "asked for: validate"}
ROLES = {
    "train": "for training",
    "validation": "for validation: never trained on",
    "excluded": "excluded",
}


def ago(when: float, now: float | None = None) -> str:
    """Say how long ago it was (s since 1970)."""
    seconds = max(0, round((time.time() if now is None else now) - when))
    if seconds < 60:
        return f"{seconds} s ago"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    return datetime.fromtimestamp(when).strftime("at %H:%M")


def saving_words(saving: Saving, since: Callable[[float], str]) -> str:
    """Say whether what was painted is on the disk."""
    saved = "" if saving.saved_at is None else f"saved {since(saving.saved_at)}"
    match saving.state:
        case "dirty":
            return f"● Changed; {saved}" if saved else "● Changed, not saved yet"
        case "saving":
            return "… Saving"
        case "failed":
            return f"⚠ Not saved, and kept here: {saving.message}"
        case "saved":
            return f"✓ {saved.capitalize()}"
    return ""


def described(opened: Opened | None, pool: Any) -> tuple[str, str]:
    """Name an image and say how far its annotation is."""
    if opened is None:
        return "No image is open", "Choose one in the Images dock, or go to the next one."
    try:
        row = pool.row(opened.image_id)
    except KeyError:  # its project is being closed
        return opened.image_id, ""
    facts = [STATES[row.annotation], ROLES.get(row.role or "", "")]
    if row.asked_for:
        facts.append(ASKED[row.asked_for])
    if opened.read_only:
        facts.append("open read-only")
    about = "; ".join(fact for fact in facts if fact)
    page = "" if row.page is None else f", page {row.page + 1}"
    return f"{row.name}{page}", "\n".join([about + ".", *opened.notes])


def removed(kinds: Sequence[str]) -> str:
    """Say that layers were removed, and that nothing is lost."""
    painted = [kind for kind in kinds if kind in ("glands", "region")]
    lost = " and ".join(kinds) if len(kinds) < 3 else "annotation"
    many = "s" if len(kinds) > 1 else ""
    kept = " What you painted is saved." if painted else ""
    return f"The layer{many} of the {lost} left the window.{kept}"


def version(facts: Any) -> str:
    """Describe one revision in a menu."""
    when = datetime.fromisoformat(facts.when).astimezone().strftime("%Y-%m-%d %H:%M")
    glands = f"{facts.glands} gland{'' if facts.glands == 1 else 's'}"
    return f"{when} · {facts.state} · {glands} · {facts.author}"
