"""A thread for what reads and writes files; its answers come back to the owner's thread."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

from napari_qsa.session.dispatch import Post

T = TypeVar("T")


class Lane:
    """Does one call after another in a thread of its own.

    A plain executor: the calls are waited for when the interpreter ends, so what was handed over
    to be written is written.

    Parameters
    ----------
    post
        Makes a call in the owner's thread; from any thread.
    name
        Of the thread.
    """

    def __init__(self, post: Post, name: str) -> None:
        self._post = post
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._last: Future[Any] | None = None

    def do(
        self,
        work: Callable[[], T],
        then: Callable[[T], object] | None = None,
        failed: Callable[[BaseException], object] | None = None,
    ) -> Future[T]:
        """Have `work` called in the lane, and one of the others in the owner's thread.

        Parameters
        ----------
        work
            Called after all that was handed over before.
        then
            Called with what `work` returned.
        failed
            Called with what `work` raised.

        Raises
        ------
        RuntimeError
            After `close`.
        """
        # The answer is posted by the call itself: whoever waits for it finds the answer posted.
        future = self._executor.submit(self._call, work, then, failed)
        self._last = future
        return future

    def follow(self, other: "Lane") -> None:
        """Have what is handed over from now on wait for what another lane was given by now."""
        if other._last is not None:
            self._executor.submit(wait, [other._last])

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was handed over is done; False if it takes longer than `timeout` s.

        The answers are posted by then, but not yet given.
        """
        return self._last is None or not wait([self._last], timeout).not_done

    def close(self) -> None:
        """Take no more calls; those that were handed over are still done."""
        self._executor.shutdown(wait=False)

    def _call(
        self,
        work: Callable[[], T],
        then: Callable[[T], object] | None,
        failed: Callable[[BaseException], object] | None,
    ) -> T:
        try:
            result = work()
        except BaseException as error:
            if failed is not None:
                self._post(partial(failed, error))
            raise
        if then is not None:
            self._post(partial(then, result))
        return result
