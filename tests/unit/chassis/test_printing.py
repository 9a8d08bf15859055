"""A line that cannot be written is lost, and nothing else is."""

import io
from pathlib import Path

import pytest
import structlog

from lutong_chassis.printing import LINES_LOST, printed

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this machine has no /dev/full")


def lost() -> float:
    return float(LINES_LOST._value.get())


def test_a_line_for_a_full_disk_is_counted_and_raises_nothing() -> None:
    before = lost()
    file = io.TextIOWrapper(FULL.open("wb", buffering=0))
    structlog.PrintLogger(printed(file)).msg("a line")
    with pytest.raises(OSError, match="No space"):  # the control: what it was before
        structlog.PrintLogger(file).msg("a line")
    file.detach().close()
    assert lost() > before


def test_a_closed_stream_raises_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    print("a line", file=printed(stream), flush=True)


def test_what_has_room_is_written_as_it_is() -> None:
    stream = io.StringIO()
    print("路通", file=printed(stream), flush=True)
    assert stream.getvalue() == "路通\n"
