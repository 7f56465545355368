import os
import signal

from ovis_jax.training.interruption import StopSignal


def test_the_stop_signal_is_remembered_and_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal() as stop:
        assert not stop.received(1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received(2)
    assert signal.getsignal(signal.SIGTERM) is before
