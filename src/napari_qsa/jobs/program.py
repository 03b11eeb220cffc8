"""Run a module of this package as a program, in a process of its own that shares the terminal."""

import subprocess
import sys


def run_module(name: str, *arguments: str) -> int:
    """Run ``python -m name arguments`` and return its exit status when it has ended.

    For a command that opens a window: the window's process must start clean, since the command's
    own may have loaded torch.
    """
    return subprocess.run([sys.executable, "-P", "-m", name, *arguments], check=False).returncode
