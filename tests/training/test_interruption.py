import os
import signal

import pytest

from ovis_jax.training.interruption import StopSignal


def test_the_stop_signal_is_remembered_and_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal() as stop:
        assert not stop.received(1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received(2)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def heeded():
    """Ctrl-C, which tests ignore that a shell started without waiting for them, is heeded."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_remembered_the_second_one_ends_at_once(heeded):
    with StopSignal() as stop:
        assert not stop.received(1)
        interrupt()
        assert stop.received(2) and stop.interrupted
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_ends_at_once_before_the_first_step(heeded):
    with pytest.raises(KeyboardInterrupt), StopSignal():
        interrupt()


def test_ctrl_c_stays_ignored(heeded):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopSignal() as stop:
        assert not stop.received(1)
        interrupt()
        assert not stop.received(2) and not stop.interrupted
