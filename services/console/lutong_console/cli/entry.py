"""Where the `lutong` command begins: from the first moment on, Ctrl-C ends it without a traceback."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are imported; a shell calls that 130


def main() -> None:
    """Run the command line."""
    from lutong_console.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
