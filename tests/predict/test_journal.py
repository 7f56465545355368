"""What an interrupted call left is kept as far as it is known to be whole."""

import json

from ovis_jax.predict.journal import Journal


def test_pictures_and_lines_of_frames_that_are_not_done_are_removed(tmp_path):
    """As those of a longer video that was written to the same folder before."""
    (tmp_path / "ids").mkdir()
    for name in ("000000.png", "000031.png", "mine.png"):
        (tmp_path / "ids" / name).write_text("a picture")
    lines = tmp_path / "frames.jsonl"
    lines.write_text(json.dumps({"frame": 0}) + "\n")
    journal = Journal(tmp_path, goes_on=False)
    journal.cut_pictures(tmp_path / "ids")
    journal.cut(lines)
    journal.remove()
    assert [path.name for path in (tmp_path / "ids").iterdir()] == ["mine.png"]
    assert lines.read_text() == ""
