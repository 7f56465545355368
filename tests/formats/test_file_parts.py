import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.file_parts import cut_records


def record(number: int, **more) -> dict:
    return {"video_id": number, "score": 0.5, "segmentations": [None, {"size": [2, 2]}], **more}


@settings(deadline=None)
@given(
    num_records=st.integers(0, 9),
    places=st.lists(st.floats(0, 1), max_size=4),
    indent=st.sampled_from([None, 1]),
)
def test_the_parts_hold_the_records_of_the_file_in_order(
    tmp_path_factory, num_records, places, indent
):
    path = tmp_path_factory.getbasetemp() / "results.json"
    records = [record(number, note="é }, {") for number in range(num_records)]
    path.write_text(json.dumps(records, indent=indent, ensure_ascii=False), "utf-8")
    parts = cut_records(path, [place * path.stat().st_size for place in sorted(places)])
    assert parts[0].start == 0 and parts[-1].stop == path.stat().st_size
    assert [r for part in parts for r in part.records()] == records


def test_a_file_of_many_records_is_cut_near_the_places(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([record(number) for number in range(100)]))
    size = path.stat().st_size
    sizes = [part.stop - part.start for part in cut_records(path, [size / 4, size / 2])]
    assert len(sizes) == 3 and sizes[0] == pytest.approx(size / 4, rel=0.1)


def test_a_cut_within_a_record_makes_malformed_parts(tmp_path):
    path = tmp_path / "results.json"
    inner = [record(number) for number in range(50)]
    path.write_text(json.dumps([record(0, extra=inner), record(1, extra=inner)]))
    parts = cut_records(path, [path.stat().st_size / 4])
    assert len(parts) == 2
    with pytest.raises(InputError, match="malformed"):
        for part in parts:
            list(part.records())


def test_what_is_no_plain_list_stays_whole(tmp_path):
    path = tmp_path / "results.json"
    path.write_bytes(b"\x1f\x8b" + json.dumps([record(1), record(2)]).encode())
    assert len(cut_records(path, [3])) == 1
