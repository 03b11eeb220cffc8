"""Functions the engine's child calls in the tests: it imports them by this module's path."""

import os
import sys
import time
from pathlib import Path

import numpy as np

from napari_qsa.errors import ImageError
from napari_qsa.jobs.progress import report


def add(left, right):
    return left + right


def pid():
    return os.getpid()


def die(status=3):
    sys.stderr.write("last words\n")
    sys.stderr.flush()
    os._exit(status)


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def touch_and_sleep(path, seconds):
    Path(path).write_text(str(os.getpid()))
    time.sleep(seconds)


def negate(array):
    return -array


def count(steps):
    for step in range(steps):
        report(step / steps, f"step {step}")
        time.sleep(0.06)
    return steps


def refuse():
    raise ImageError("x.png is not an image; save it again.")


class OddError(ImageError):
    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")


def refuse_oddly():
    raise OddError("x.png", "odd")


def divide(left, right):
    return left / right


def run_out_of_memory():
    raise MemoryError


def unpicklable():
    return lambda: 0


def _refuse_to_be_read():
    raise ValueError("cannot be read back")


class Unreadable:
    def __reduce__(self):
        return _refuse_to_be_read, ()


def report_unreadably():
    report(0.5, Unreadable())
    time.sleep(0.3)
    return "the answer to another call"


def environment(name):
    return os.environ.get(name)


def modules():
    return sorted(sys.modules)


def noise():
    sys.stdout.write("to standard output\n")
    os.write(1, b"from C\n")
    return os.read(0, 1)


def big(side):
    return np.ones((side, side), np.float32)
