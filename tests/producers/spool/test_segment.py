"""Segments of the spool: what was written is read again, whatever happened to the end of the file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_producers.spool.segment import MAGIC, Segment


def written(path: Path, events: int = 5) -> list[tuple[bytes, bytes]]:
    segment = Segment(path)
    sent = [(b"shop/%d" % number, b"x" * number * 100) for number in range(events)]
    for key, payload in sent:
        segment.append_event(key, payload)
    segment.settle(1)
    segment.close()
    return sent


def read(segment: Segment) -> list[tuple[bytes, bytes]]:
    found = []
    while (frame := segment.next_frame()) is not None:
        found.append((frame.key, frame.payload))
        segment.move_past(frame)
    return found


def test_another_process_reads_the_events_and_what_is_settled(tmp_path: Path) -> None:
    sent = written(tmp_path / "1.log")
    segment = Segment(tmp_path / "1.log", adopt=True)
    assert (segment.events, segment.settled, segment.torn) == (5, 1, 0)
    assert read(segment) == sent
    assert [segment.is_settled(index) for index in range(5)] == [False, True, False, False, False]
    segment.rewind()
    assert read(segment) == sent
    segment.close()


@given(cut=st.integers(0, 1200), garbage=st.binary(max_size=40))
def test_a_torn_tail_costs_only_what_is_torn(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("torn") / "1.log"
    sent = written(path)
    whole = path.read_bytes()
    kept = whole[: max(0, len(whole) - cut)]
    path.write_bytes(kept + garbage)
    segment = Segment(path, adopt=True)
    found = read(segment)
    assert found == sent[: len(found)]
    ends = [len(MAGIC)]
    for key, payload in sent:
        ends.append(ends[-1] + 12 + len(key) + len(payload))
    assert len(found) >= sum(end <= len(kept) for end in ends[1:])
    segment.close()


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    sent = written(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    segment = Segment(path, adopt=True)
    assert read(segment) == sent[:4]
    assert segment.torn == 12 + 6 + 400
    segment.close()


def test_zeros_as_a_power_cut_leaves_them_are_no_events(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    sent = written(path)
    path.write_bytes(path.read_bytes() + bytes(4096))
    segment = Segment(path, adopt=True)
    assert read(segment) == sent
    segment.close()


def test_it_is_done_when_all_is_settled_and_it_is_sealed(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "1.log")
    segment.append_event(b"a/b", b"x")
    segment.settle(0)
    segment.settle(0)
    assert not segment.is_done()
    segment.sealed = True
    assert segment.is_done()
    segment.remove()
    assert list(tmp_path.iterdir()) == []
