"""Processes that are born with everything imported: for test runs, which start services by the hundred.

One process imports the suite, and what is asked for are forks of it: a service is there without the second or two that
its imports take. `lutong up` starts services as everybody does, with `python -m`.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any

from lutong_contracts.topics import SERVICES

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__, "lutong_chassis.testing", *(f"lutong_{name}.app" for name in SERVICES)])


def fork(
    target: Callable[..., Any],
    *arguments: Any,  # whatever the target takes, and pickle carries
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> BaseProcess:
    """Call a function in a process of its own, in a session of its own; it is gone when this process is.

    Without `environment` and `log` it has those of the process that was first here.
    """
    if log is not None:
        log.touch()  # whoever waits for the process may read it at once
    process = _forks.Process(target=_live, args=(target, arguments, environment, log), daemon=True)
    process.start()
    return process


def run_service(module: str) -> None:
    """What `python -m MODULE` does, for the module of a service."""
    import_module(module).service.run([])


def _live(
    target: Callable[..., Any], arguments: tuple[Any, ...], environment: Mapping[str, str] | None, log: Path | None
) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    os.setsid()
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    target(*arguments)


def _end_with_parent() -> None:
    """A test run that is killed leaves nothing behind: its pipe to this process closes, whose parent is the nursery."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
