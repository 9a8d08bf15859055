"""What all tests share: which Kafka and PostgreSQL they run on (the ladder of design §7).

Given by LUTONG_TEST_KAFKA_BOOTSTRAP and LUTONG_TEST_DATABASE_URL; or containers, with LUTONG_TEST_DOCKER=1; or else the
local stack: real Kafka and real PostgreSQL from wheels. What a run starts is on free ports, and gone when it ends.
"""

import gc
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lutong_local.stack import infrastructure as local_infrastructure

_LONGEST_FIRST = ("e2e", "integration", "simulator", "model", "unit")
_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own in it
_ENOUGH_BYTES = 8 << 30


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have what tests write in memory, where there is plenty: hundreds of databases come and go.

    The one test that is about a disk, of a power cut, brings its own.
    """
    for path in _MEMORY.glob("lutong-tests-*"):
        if not Path(f"/proc/{path.name.rpartition('-')[2]}").exists():  # its run was killed, or failed
            shutil.rmtree(path, ignore_errors=True)
    worker = hasattr(config, "workerinput")
    if config.option.basetemp or worker or not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ENOUGH_BYTES:
        return
    config.option.basetemp = str(_MEMORY / f"lutong-tests-{os.getpid()}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a run that failed wrote stays to be looked at, until the next one."""
    basetemp = Path(session.config.option.basetemp or "")
    if exitstatus == pytest.ExitCode.OK and basetemp.parent == _MEMORY:
        shutil.rmtree(basetemp, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker of several: what takes longest begins first, and small things fill the gaps in the end.

    Files are what workers are given (`make test`): what a file starts, it starts once.
    """
    if not hasattr(config, "workerinput"):
        return
    part_of = {item: item.path.relative_to(Path(__file__).parent).parts[0] for item in items}
    items.sort(key=lambda item: (*_LONGEST_FIRST, part_of[item]).index(part_of[item]))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """Where the tests' Kafka and PostgreSQL are. `admin_url` may create databases."""

    kafka_bootstrap: str
    admin_url: str


@pytest.fixture(scope="session")
def infrastructure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infrastructure]:
    """Kafka and PostgreSQL for the whole run."""
    kafka = os.environ.get("LUTONG_TEST_KAFKA_BOOTSTRAP")
    database = os.environ.get("LUTONG_TEST_DATABASE_URL")
    if kafka and database:
        yield Infrastructure(kafka, database)
        return
    if os.environ.get("LUTONG_TEST_DOCKER") == "1":
        from tests.support.containers import containers  # the other tiers do without the docker library

        with containers() as (kafka, database):
            yield Infrastructure(kafka, database)
        return
    with local_infrastructure(tmp_path_factory.mktemp("stack")) as local:
        yield Infrastructure(local.kafka_bootstrap, local.admin_url)
