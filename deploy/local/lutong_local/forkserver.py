"""Processes that begin with everything imported: for test runs, which start services by the hundred.

One process imports the suite, and the others are forks of it: a service starts without the second or two that its
imports take. `lutong up` starts services with `python -m`.
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
_COMMAND_LINE = ("typer", "rich.table", "confluent_kafka.admin")
"""What commands are made of, which services are not. Commands look at the environment when they are imported: after."""
_forks.set_forkserver_preload(
    [__name__, "lutong_chassis.testing", *(f"lutong_{name}.app" for name in SERVICES), *_COMMAND_LINE]
)


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
        log.touch()  # it can be read as soon as the process is there
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
    """A test run that is killed leaves nothing behind: its pipe to this process closes, whose parent is the fork server."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
