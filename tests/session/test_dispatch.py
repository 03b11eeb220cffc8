import threading

import pytest

from napari_qsa.session.dispatch import Inbox


def test_calls_are_made_in_order_in_the_thread_that_runs_the_inbox():
    inbox, made = Inbox(), []

    def post():
        for number in range(5):
            inbox.post(lambda number=number: made.append((number, threading.get_ident())))

    sender = threading.Thread(target=post)
    sender.start()
    inbox.run_until(lambda: len(made) == 5, 10)
    sender.join()
    assert made == [(number, threading.get_ident()) for number in range(5)]


def test_running_ends_when_nothing_comes():
    with pytest.raises(TimeoutError):
        Inbox().run_until(lambda: False, 0.01)
