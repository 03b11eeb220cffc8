"""The page of evidence: what was claimed, what was run, what came out.

It is made from the committed results alone: `benchmarks/results/`, the reports of `napari-qsa
simulate` and `napari-qsa ablate` under `docs/`, and the ensemble files that ship. No network is
loaded. Every verdict is worked out by a rule, which the page states; what has not been run says so.

    python benchmarks/evidence.py            # writes docs/evidence.md
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import evidence_accuracy
import evidence_bits
import evidence_choice
import evidence_error
import evidence_networks
import evidence_schemes
import evidence_speed
from evidence_parts import NOT_RUN, Outcome, Part, Section, Values, Verdict, read_json, table

ROOT = Path(__file__).parents[1]
PAGE = Path("docs/evidence.md")
SECTIONS: tuple[Section, ...] = (
    *evidence_choice.SECTIONS,
    *evidence_bits.SECTIONS,
    *evidence_schemes.SECTIONS,
    *evidence_networks.SECTIONS,
    *evidence_accuracy.SECTIONS[:1],
    *evidence_error.SECTIONS,
    *evidence_accuracy.SECTIONS[1:],
    *evidence_speed.SECTIONS,
)
HEAD = """# Evidence

What was claimed, what we ran, what came out. This page is made by `python
benchmarks/evidence.py` from the results in the repository and is not edited by hand. Every
verdict is worked out from the numbers by the rule that its section states: **supported**, **not
supported**, **too few to tell** or **not run yet**. They are about our runs, with narrow
networks and short trainings on a machine of two cores; a claim of a paper that is not supported
here may hold at its own scale.

Sources of the papers' figures are marked: *read* in the paper, *quoted by others*, or
*recalled* and not looked up again. Scores of GlaS are on patients that the network did not see;
the official test parts were not touched. Intervals are of 95 % and no question is corrected for
the number of the others; where one question has several cases, all of them must hold.

In the commands `GLAS`, `EM` and `EBHI` are the folders of the data as downloaded, `RUNS` is any
folder and `RUN` that of one training, `WIDE`, `QUANTIZED` and `CONTROL` are ensemble files that
are named where they are used, and `MAPS` is what `out_of_fold.py --maps MAPS` keeps."""


def page(root: Path, sections: Sequence[Section] = SECTIONS) -> str:
    """Make the page.

    Parameters
    ----------
    root
        Of the repository, whose results are read.
    sections
        In their order.
    """
    verdicts: list[tuple[Section, Verdict]] = []
    texts = []
    for section in sections:
        lines = [
            f"## {section.title}",
            f"**Claimed.** {section.claim}",
            f"**Rule.** {section.rule}",
        ]
        for part in section.parts:
            own, text = told(part, root)
            verdicts += [(section, verdict) for verdict in own]
            lines += text
        texts.append("\n\n".join(lines))
    rows = [
        {
            "claim": f"[{section.title}](#{anchor(section.title)})",
            "question": verdict.question,
            "verdict": verdict.word,
        }
        for section, verdict in verdicts
    ]
    return "\n\n".join([HEAD, "## All verdicts", table(rows), *texts]) + "\n"


def told(part: Part, root: Path) -> tuple[Sequence[Verdict], list[str]]:
    """Give the verdicts of one results file, and the paragraphs that tell of it."""
    paths = [root / name for name in (part.file, part.beside) if name]
    if not all(path.exists() for path in paths):
        verdicts = [Verdict(question, NOT_RUN, f"`{part.command}`") for question in part.questions]
        listed = "; ".join(part.questions)
        return verdicts, [f"**Not run yet:** `{part.command}` ({listed})"]
    values = dict(part.read(paths[0]))
    if part.beside:
        values["beside"] = read_json(paths[1])
    outcome = part.judge(values)
    if len(outcome.verdicts) != len(part.questions):
        raise ValueError(f"{part.file} answers {len(outcome.verdicts)} questions")
    return outcome.verdicts, [
        ran(part, values, outcome),
        *(text for text in outcome.tables if text),
        *outcome.notes,
        "\n".join(f"- {each.question}: **{each.word}**: {each.why}." for each in outcome.verdicts),
    ]


def ran(part: Part, values: Values, outcome: Outcome) -> str:
    """Say what was run; what the file says itself counts before what its reader knows."""
    known = {"command": part.command, "seed": part.seed, "data": part.data}
    said = {
        key: str(outcome.ran.get(key, values.get(key, known.get(key, ""))))
        for key in ("command", "seed", "data", "date")
    }
    facts = [f"`{said['command']}`"]
    facts += [f"{key} {said[key]}" for key in ("seed", "data", "date") if said[key]]
    return f"**Ran.** {'; '.join(facts)} (`{part.file}`)."


def anchor(title: str) -> str:
    """Give the link target that Markdown makes of a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def main() -> None:
    """Write the page into the repository."""
    (ROOT / PAGE).write_text(page(ROOT), encoding="utf-8")
    print(f"Wrote {PAGE}.")


if __name__ == "__main__":
    main()
