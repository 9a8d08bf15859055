"""Run schedules: `python -m tests.simulator --seed 1 --schedules 1000`. The exit code is 1 when one breaks a promise.

Each worker has a database of its own in one PostgreSQL in memory. A failing schedule is shrunk and shown with its seed;
`--replay SEED` runs that one again, `--mutant NAME` puts an old bug back, and `--mutant all` puts back each in turn.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from multiprocessing import SimpleQueue
from pathlib import Path
from pprint import pformat
from time import perf_counter, process_time
from typing import Final

from lutong_local.ports import free_port
from lutong_local.postgres import data_directory, prepare_postgres, wait_for_postgres
from lutong_local.processes import start, stop
from tests.simulator.arena import an_arena
from tests.simulator.mutants import MUTANTS, put_back
from tests.simulator.plan import Plan, plan

_CHUNK_MAX: Final = 5_000
"""Schedules that a worker runs on one database before it reports: a new one takes as long as thirty of them until it is warm."""
_OPTIONS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # the tables are emptied between schedules
    "track_counts": "off",
    "track_activities": "off",
    "update_process_title": "off",
    "shared_buffers": "64MB",
}
"""Of a server that lives as long as we do, and whose statements are a few rows each."""
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder of our own in it


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule that broke a promise: its seed, what is wrong, and the smallest schedule that breaks it as well."""

    seed: int
    wrong: Sequence[str]
    smallest: Plan


@dataclass(frozen=True, slots=True)
class Ran:
    """What a worker did."""

    schedules: int
    statements: int
    cpu_s: float
    failures: Sequence[Failure]


@contextmanager
def a_postgres() -> Iterator[str]:
    """A PostgreSQL of our own, in memory where there is some; gives the superuser's URL."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        directory, port, password = Path(folder), free_port(), "simulated"
        command = prepare_postgres(directory, port, password, lambda _: None)
        data = data_directory(directory)
        options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
        options += ["-c", f"unix_socket_directories={data}"]
        child = start(replace(command, arguments=[*command.arguments, *options], dies_with_parent=True))
        try:
            wait_for_postgres(child, port, password)
            yield f"postgresql://postgres:{password}@/postgres?host={data}&port={port}"  # a socket of the machine: no TCP
        finally:
            stop(child)
            shutil.rmtree(data, ignore_errors=True)


def work(url: str, mutant: str | None, seeds: range) -> Ran:
    """Run the schedules of these seeds, on a database of its own. A mutant is found once."""
    cpu_s, failures, statements, done = process_time(), [], 0, 0
    with an_arena(url, f"simulated_{os.getpid()}_{seeds.start}") as arena, put_back(mutant):
        for seed in seeds:
            found = arena.run(plan(seed))
            statements, done = statements + found.statements, done + 1
            if found.wrong:
                smallest = arena.shrink(plan(seed), found.promises)
                failures.append(Failure(seed, found.wrong, smallest))
                if mutant:
                    break
    return Ran(done, statements, process_time() - cpu_s, failures)


def run(url: str, mutant: str | None, seeds: range, workers: int) -> bool:
    """Run schedules on several workers and say how it went; whether all kept their promises."""
    size = min(_CHUNK_MAX, -(-len(seeds) // workers))
    chunks = [seeds[begin : begin + size] for begin in range(0, len(seeds), size)]
    began_s, schedules, statements, cpu_s, failed = perf_counter(), 0, 0, 0.0, False
    with ProcessPoolExecutor(workers, initializer=_take_a_core, initargs=(_cores(workers),)) as pool:
        for ran in pool.map(partial(work, url, mutant), chunks):
            schedules, statements, cpu_s = schedules + ran.schedules, statements + ran.statements, cpu_s + ran.cpu_s
            for failure in ran.failures:
                failed = True
                show(failure)
            if mutant and failed:
                pool.shutdown(cancel_futures=True)
                break
    took_s = perf_counter() - began_s
    print(  # noqa: T201  # this is a program
        f"simulator: {mutant or 'no mutant'}: {schedules} schedules, {'FAILED' if failed else 'all promises kept'}; "
        f"{schedules / took_s * 60:.0f} a minute, {statements / max(1, schedules):.0f} statements and "
        f"{1000 * cpu_s / max(1, schedules):.0f} ms of CPU each (without PostgreSQL's)",
        flush=True,
    )
    return not failed


def _cores(workers: int) -> "SimpleQueue[int]":
    """A core for each worker; none where processes cannot choose one."""
    cores: SimpleQueue[int] = SimpleQueue()
    if hasattr(os, "sched_getaffinity"):
        for core in islice(cycle(sorted(os.sched_getaffinity(0))), workers):
            cores.put(core)
    return cores


def _take_a_core(cores: "SimpleQueue[int]") -> None:
    """Stay on one core, with the servers of this worker's connections (`Engine.connect`)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores.get()})


def show(failure: Failure) -> None:
    """A failure as a person reads it."""
    print(f"seed {failure.seed}:", *failure.wrong, "smallest:", pformat(failure.smallest), sep="\n  ", flush=True)  # noqa: T201  # as above


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mutant", choices=[*MUTANTS, "all"])
    parser.add_argument("--replay", type=int, help="run one seed, and shrink it if it fails")
    given = parser.parse_args(arguments)
    seeds = range(given.seed, given.seed + given.schedules)
    if given.replay is not None:
        seeds = range(given.replay, given.replay + 1)
    mutants = [*MUTANTS] if given.mutant == "all" else [given.mutant]
    with a_postgres() as url:
        kept = [run(url, mutant, seeds, given.workers) for mutant in mutants]
    as_it_should = [ok is (mutant is None) for ok, mutant in zip(kept, mutants, strict=True)]
    return 0 if all(as_it_should) else 1


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of names in one order: a seed replays in any process
        again = [sys.executable, "-m", "tests.simulator", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | {"PYTHONHASHSEED": "0"})  # noqa: S606  # no shell
    sys.exit(main(sys.argv[1:]))
