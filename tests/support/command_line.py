"""The `lutong` command line, run as an operator types it, without the second that its imports take each time."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from lutong_local.forkserver import fork

COMMAND: Final = str(Path(sys.executable).with_name("lutong"))
"""The installed program, for tests of processes: of pipes, signals, terminals and of how it starts."""


@dataclass(frozen=True, slots=True)
class Lutong:
    """Runs the command line against a suite; `environment` is the whole of it."""

    environment: dict[str, str]

    def having(self, **environment: str) -> "Lutong":
        """The same, in an environment that has more."""
        return Lutong(self.environment | environment)

    def __call__(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own: a fork of one that has imported what commands are made of."""
        with TemporaryDirectory() as directory:
            out, err = Path(directory, "out"), Path(directory, "err")
            process = fork(_run, arguments, str(out), str(err), str(Path.cwd()), environment=self.environment)
            process.join(timeout_s)
            if process.exitcode is None:
                process.kill()
                process.join()
                raise subprocess.TimeoutExpired(["lutong", *arguments], timeout_s, out.read_text(), err.read_text())
            return subprocess.CompletedProcess(
                ["lutong", *arguments], process.exitcode, out.read_text(encoding="utf-8"), err.read_text("utf-8")
            )


def _run(arguments: Sequence[str], out: str, err: str, directory: str) -> None:
    """What the installed program does, with its output in files."""
    os.chdir(directory)
    for name, mode, number in ((os.devnull, "r", 0), (out, "w", 1), (err, "w", 2)):
        with Path(name).open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.argv = ["lutong", *arguments]
    import_module("lutong_console.cli.main").main()  # here: it looks at the environment when it is imported
