"""Processes of this machine: which one it is, and how much it may take."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

VARIABLE = "NAPARI_QSA_NICE"
"""Environment variable with what is added to the niceness of a training: 0 where nobody waits."""

_LOW = 10
"""The same without that variable."""


def started_at(pid: int) -> str | None:
    """Tell when a process of this machine started, in the words of its system.

    Returns
    -------
    str or None
        The same for the same process at any time; None if there is none, or it has ended and
        waits for its parent to notice.
    """
    ways = {"win32": _by_windows, "linux": _by_proc}
    return ways.get(sys.platform, _by_ps)(pid)


def lower_priority() -> None:
    """Let every other program go first, unless the user wants otherwise."""
    wanted = os.environ.get(VARIABLE, "")
    if hasattr(os, "nice"):  # elsewhere, who started it said so
        with contextlib.suppress(OSError):  # it may be as low as it gets
            os.nice(int(wanted) if wanted.isdecimal() else _LOW)


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _by_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold anything
    state, ticks = fields[0], fields[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in "ZX" else f"{boot} {ticks}"


def _by_ps(pid: int) -> str | None:
    found = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    state, _, when = found.stdout.strip().partition(" ")
    return None if not when or state.startswith("Z") else when.strip()


def _by_windows(pid: int) -> str | None:
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    kernel.OpenProcess.restype = wintypes.HANDLE
    query_limited_information, still_active = 0x1000, 259
    handle = kernel.OpenProcess(query_limited_information, False, pid)
    if not handle:
        return None
    try:
        status = wintypes.DWORD()
        times = [wintypes.FILETIME() for _ in range(4)]
        kernel.GetExitCodeProcess(wintypes.HANDLE(handle), ctypes.byref(status))
        done = kernel.GetProcessTimes(wintypes.HANDLE(handle), *map(ctypes.byref, times))
        if not done or status.value != still_active:
            return None
        return str((times[0].dwHighDateTime << 32) + times[0].dwLowDateTime)
    finally:
        kernel.CloseHandle(wintypes.HANDLE(handle))
