import numpy as np
from training.toy import toy_batch

from ovis_jax.training.progress import EventWriter, Stopwatch


def test_the_stopwatch_counts_frames_and_waiting():
    stopwatch = Stopwatch()
    stopwatch.next_batch(iter([toy_batch(3, 0)]))
    lap = stopwatch.lap()
    assert lap["frames_per_second"] > 0 and 0 <= lap["data_wait"] <= 1
    assert stopwatch.lap()["frames_per_second"] == 0


def test_events_of_undone_steps_are_purged(tmp_path):
    for start in (0, 5):
        writer = EventWriter(tmp_path, start, enabled=True)
        writer.scalars(start + 1, {"loss": 1.0})
        writer.picture(start + 1, "pair", np.zeros((4, 6, 3), np.uint8))
        writer.close()
    assert len(list(tmp_path.glob("events*"))) == 2
    EventWriter(tmp_path / "other", 0, enabled=False).scalars(1, {"loss": 1.0})
    assert not (tmp_path / "other").exists()
