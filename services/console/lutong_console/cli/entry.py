"""Where the `lutong` command begins: from the first moment on, Ctrl-C ends it without a traceback."""

import os
import signal
import sys
from typing import TextIO

signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are imported; a shell calls that 130


def main() -> None:
    """Run the command line. A stream that the shell closed (`>&-`) is nowhere."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    from lutong_console.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # it is to stay open
