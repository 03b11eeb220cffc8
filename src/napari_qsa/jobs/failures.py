"""Errors that cross from one process to another, made fit to be shown."""

import pickle
import signal
import traceback

from napari_qsa.errors import EngineError, QsaError


def presentable(error: Exception) -> QsaError:
    """Turn any error into one fit to be shown, with the traceback among its ``__notes__``.

    An error of the family `QsaError` stays what it is.
    """
    shown = error if isinstance(error, QsaError) and _travels(error) else _translate(error)
    shown.add_note("".join(traceback.format_exception(error)))
    return shown.with_traceback(None)


def crashed(status: int | None, output: str) -> EngineError:
    """Say that the process ended amid a call.

    Parameters
    ----------
    status
        Its exit status, negative for a signal; None if it still runs but does not answer.
    output
        The last lines it wrote to its standard error.
    """
    error = EngineError(
        f"The engine process ended unexpectedly ({_reason(status)}); it starts again with the "
        "next run."
    )
    error.add_note(output or "The process wrote nothing before it ended.")
    return error


def _travels(error: QsaError) -> bool:
    """Whether an error survives pickling: one with an ``__init__`` of its own may not."""
    try:
        return str(pickle.loads(pickle.dumps(error))) == str(error)
    except Exception:
        return False


def _translate(error: Exception) -> EngineError:
    if isinstance(error, QsaError):
        return EngineError(str(error))
    # torch.OutOfMemoryError is a RuntimeError, and torch is not imported here to ask for it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return EngineError(
            "There is too little memory for this image; close other programs or use a smaller one."
        )
    reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return EngineError(f"The engine failed: {reason}; the details say where.")


def _reason(status: int | None) -> str:
    if status is None:
        return "it does not answer"
    if status >= 0:
        return f"exit status {status:#x}" if status > 255 else f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
    # Nobody but the system's guard against lack of memory sends this one unasked.
    return f"{name}, often for lack of memory" if name == "SIGKILL" else name
