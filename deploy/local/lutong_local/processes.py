"""Starting processes, waiting for what they promise, and stopping exactly those that were started."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_ours: dict[int, "subprocess.Popen[bytes]"] = {}  # children of this very process, whose exit status is ours to collect


class LocalError(RuntimeError):
    """Something did not come up; states what, where its log is, and what to do."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started: its id, and when it started, because ids are used again."""

    pid: int
    started: str
    log: str

    @classmethod
    def of(cls, pid: int, log: Path) -> "Child":
        """A process that runs."""
        return cls(pid, _started(pid), str(log))

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _started(self.pid) == self.started and not is_zombie(self.pid)


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, as whom, and in which folder (by default this one; `/` for another user)."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    user: int | None = None
    dies_with_parent: bool = False
    folder: Path | None = None


def start(command: Command) -> Child:
    """Start a process in a session of its own, so that Ctrl-C in a terminal does not reach it."""
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own arguments, no shell
            command.arguments,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=command.user,
            group=command.user and _group_of(command.user),
            extra_groups=[] if command.user else None,
            cwd=command.folder or ("/" if command.user else None),
            preexec_fn=_die_with_parent if command.dies_with_parent and sys.platform == "linux" else None,  # noqa: PLW1509  # no threads yet
        )
    _ours[process.pid] = process
    return Child.of(process.pid, command.log)


def stop(child: Child, how: signal.Signals = signal.SIGTERM, *, timeout_s: float = 20) -> None:
    """Ask a process to stop; make it, when it does not."""
    for signal_sent, patience_s in ((how, timeout_s), (signal.SIGKILL, 5)):
        if not _reap(child).alive:
            break
        with suppress(ProcessLookupError):  # it ended by itself just now
            os.kill(child.pid, signal_sent)
        wait(lambda: not _reap(child).alive, patience_s)
    if process := _ours.pop(child.pid, None):
        process.wait()


def wait_for(child: Child, what: str, condition: Callable[[], bool], *, timeout_s: float = 180) -> None:
    """Wait until a condition holds; a process that dies meanwhile, or is late, is an error with its log.

    A broker that was killed reads all its partitions again: it has as long as the health check of one in a container gives it.
    """
    if wait(lambda: condition() or not _reap(child).alive, timeout_s) and child.alive:
        return
    happened = "did not come up in time" if child.alive else "stopped while starting"
    raise LocalError(f"{what} {happened}; the end of {child.log}:\n{tail(Path(child.log))}")


def to_open_pipes(report: Callable[[str], None]) -> Callable[[str], None]:
    """Print it, or not, when the pipe it would go into is closed: what was started must be stopped all the same."""

    def reported(message: str) -> None:
        with suppress(OSError, SystemExit):
            report(message)

    return reported


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def wait(condition: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Whether a condition holds before the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)  # a poll of the condition above
    return True


def _reap(child: Child) -> Child:
    """Collect the exit status of every child of ours that has one: some died by themselves, and nobody else asks."""
    for pid, process in list(_ours.items()):
        if process.poll() is not None:
            _ours.pop(pid, None)
    return child


def _started(pid: int) -> str:
    """When a process started (clock ticks since boot, as Linux has it); elsewhere whether it exists."""
    if fields := _stat(pid):
        return fields[19]
    return "" if Path("/proc/self/stat").exists() or not _exists(pid) else "exists"


def _stat(pid: int) -> list[str]:
    """What Linux has of a process behind its name: its state first. Nothing of one that is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and its parent has not asked for its exit code.

    Its first thread may have ended before the others: as long as one is there, so are its ports and files.
    """
    fields = _stat(pid)
    return fields[:1] == ["Z"] and int(fields[17]) <= 1  # how many threads it has


def _group_of(user: int) -> int:
    import pwd

    return pwd.getpwuid(user).pw_gid


def _die_with_parent() -> Any:  # noqa: ANN401  # what prctl gives does not matter
    """A test run that is killed leaves nothing behind."""
    return ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
