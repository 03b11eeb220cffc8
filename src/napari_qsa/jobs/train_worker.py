"""One process that trains members of a run, or times how fast it would; see `jobs.training`.

It is started as ``python -m napari_qsa.jobs.train_worker`` and ends with its parent, whatever the
parent's end: the parent holds the other end of its standard input and never writes there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_qsa.errors import QsaError
from napari_qsa.jobs.lock import lock

RETRY_SECONDS = 0.5
RETRIES = 20
"""How often a worker looks again for a member that another process has locked."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; the last line written says how it ended, as JSON."""
    begun = time.monotonic()
    end_with_parent()
    options = _parser().parse_args(arguments)
    try:
        answer = _pace(options, begun) if options.pace is not None else _train(options)
    except QsaError as error:
        answer = {"error": str(error)}
    except Exception as error:
        traceback.print_exc()
        answer = {"crash": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    sys.exit(0 if "error" not in answer and "crash" not in answer else 1)


def end_with_parent() -> None:
    """Exit at once, even amid a computation, when the other end of standard input closes.

    Standard input is moved aside first, where no library can read it. An interrupt from the
    terminal reaches this process too and is ignored: only the parent decides.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_wait_for_end, args=(pipe,), daemon=True).start()


def train_members(
    folder: Path, members: Sequence[int], device: str = "auto", start_from: Path | None = None
) -> None:
    """Train members of a run, one after another, until none of them is left to be trained.

    Members that another process has locked are left to it.

    Parameters
    ----------
    folder
        Of the run.
    members
        Which of its members, in the order of preference.
    device
        ``auto``, ``cpu``, ``cuda``, ...
    start_from
        See `napari_qsa.ensemble.training.run.TrainingRun.train_member`.
    """
    from napari_qsa.ensemble.engines.torch_engine import find_device
    from napari_qsa.ensemble.training.run import TrainingRun

    run = TrainingRun.open(folder)
    chosen = find_device(device)
    waited = 0
    while left := [member for member in members if not run.finished(member)]:
        if _train_one(run, left, chosen, start_from):
            waited = 0
        elif waited < RETRIES:
            waited += 1
            time.sleep(RETRY_SECONDS)
        else:
            return


def _train_one(run: Any, members: Sequence[int], device: Any, start_from: Path | None) -> bool:
    """Train the first member that nobody else trains; False if there is none."""
    from napari_qsa.ensemble.training.folders import make_folder

    for member in members:
        folder = run.member_folder(member)
        make_folder(folder)
        with lock(folder / "lock") as held:
            if held and not run.finished(member):
                run.train_member(member, device=device, start_from=start_from)
                return True
    return False


def _train(options: argparse.Namespace) -> dict[str, Any]:
    if options.checkpoint_seconds is not None:
        from napari_qsa.ensemble.training import member

        member.CHECKPOINT_SECONDS = options.checkpoint_seconds
    train_members(options.folder, options.members, options.device, options.start_from)
    return {"finished": True}


def _pace(options: argparse.Namespace, begun: float) -> dict[str, Any]:
    from dataclasses import asdict

    from napari_qsa.ensemble.engines.torch_engine import find_device
    from napari_qsa.ensemble.training.budget import measure_pace
    from napari_qsa.ensemble.training.options import TrainingOptions
    from napari_qsa.ensemble.training.samples import load_training_images
    from napari_qsa.images import open_dataset

    training = TrainingOptions.from_json(json.loads(options.pace))
    images = load_training_images(open_dataset(options.folder).part(options.part), training)
    with tempfile.TemporaryDirectory(prefix="napari-qsa-") as scratch:
        start = time.monotonic() - begun
        device = find_device(options.device)
        return asdict(measure_pace(images, training, Path(scratch), start, device))


def _wait_for_end(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os._exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="napari_qsa.jobs.train_worker")
    parser.add_argument("folder", type=Path, help="of the run; with --pace, of the images")
    parser.add_argument("--members", type=int, nargs="*", default=[])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--start-from", type=Path)
    parser.add_argument("--checkpoint-seconds", type=float)
    parser.add_argument("--pace", help="time these options (JSON) instead of training")
    parser.add_argument("--part", default="all", help="of the images, with --pace")
    return parser


if __name__ == "__main__":
    main()
