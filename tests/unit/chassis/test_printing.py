"""A line that cannot be written is lost, and nothing else is."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from lutong_chassis.printing import LINES_LOST, printed

FULL = Path("/dev/full")

needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="this machine has no /dev/full")
LOGS = "import structlog; structlog.get_logger().info('migration_applied')"


def lost() -> float:
    return float(LINES_LOST._value.get())


@needs_full_device
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


def printed_by(code: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_a_tool_that_sets_up_no_log_keeps_its_stdout() -> None:
    out, err = printed_by(f"import lutong_chassis.database; {LOGS}")
    assert (out, "migration_applied" in err) == ("", True)


def test_negative_control_a_log_of_its_own_goes_to_stdout() -> None:
    assert "migration_applied" in printed_by(LOGS)[0]
