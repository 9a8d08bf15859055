"""Alerts on what exporters report: each reaches Alertmanager, its runbook leads to the cause, and ends when that is mended."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import asyncpg
import httpx
import pytest

from lutong_console.deployment import variables_of
from tests.compose.containers import DEPLOY, Containers, containers, engine, has_image, reported
from tests.runbooks.cases import IN_CONTAINERS, NOT_LET_IN, Case
from tests.support.alerts import EXPORTERS
from tests.support.harness import until

pytestmark = pytest.mark.timeout(2_100)

_WATCHING: Final = ("prometheus", "alertmanager", *EXPORTERS)
_WITHIN_S: Final = 600.0
_DISK_MB: Final = 512
_SMALL_DISK: Final = f"""
volumes:
  kafka-1:
    driver_opts: {{type: tmpfs, device: tmpfs, o: "size={_DISK_MB}m,mode=1777"}}
"""
_FILLED: Final = "/var/lib/kafka/data/a-backup"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Three brokers, the first with a small disk, and what watches them."""
    if why := engine():
        pytest.skip(why)
    directory = tmp_path_factory.mktemp("exporters")
    (directory / "small-disk.yaml").write_text(_SMALL_DISK, encoding="utf-8")
    with containers(directory) as made:
        files = (str(DEPLOY / "compose.yaml"), str(directory / "small-disk.yaml"))
        made.variables |= variables_of(DEPLOY / "ha.env") | {"COMPOSE_FILE": os.pathsep.join(files)}
        absent = [image for image in images(made) if not has_image(image)]
        if absent:
            pytest.skip(f"{', '.join(absent)}: not here, and cannot be fetched")
        made.up("--build")
        made.compose("--profile", "observability", "up", "--detach", *_WATCHING)
        yield made


def images(made: Containers) -> list[str]:
    """The images of what watches."""
    return made.compose("--profile", "observability", "config", "--images", *_WATCHING).split()


async def firing(made: Containers) -> set[str]:
    """The names of alerts that an operator sees in Alertmanager."""
    url = f"http://127.0.0.1:{made.variables['LUTONG_ALERTMANAGER_PORT']}/api/v2/alerts"
    async with httpx.AsyncClient(timeout=10) as http:
        return {alert["labels"]["alertname"] for alert in (await http.get(url)).raise_for_status().json()}


async def watched(made: Containers) -> bool:
    """Whether Prometheus has a sample of each metric that alerts ask exporters for."""
    return all(reported(made, exporter) for exporter in EXPORTERS)


async def leads(made: Containers, case: Case) -> None:
    """The alert is seen, and its runbook leads to the cause."""

    async def seen() -> bool:
        return case.alert in await firing(made)

    await case.leads(seen, partial(asyncio.to_thread, made.typed), _WITHIN_S)


@asynccontextmanager
async def a_report_that_keeps_connections(made: Containers) -> AsyncIterator[None]:
    """A program of another team takes all but a few connections, and does nothing with them."""
    password = (made.secrets / "postgres_postgres").read_text(encoding="utf-8").strip()
    most = int(made.sql("postgres", "SHOW max_connections"))
    async with AsyncExitStack() as sessions:
        taken = 0
        while taken < most * 0.94:
            session = await asyncpg.connect(
                host="127.0.0.1", port=int(made.variables["LUTONG_POSTGRES_PORT"]), user="postgres", password=password,
                database="postgres", server_settings={"application_name": "a-report"},
            )  # fmt: skip
            sessions.push_async_callback(session.close)
            taken = await session.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL")
        yield


@asynccontextmanager
async def a_disk_almost_full(made: Containers) -> AsyncIterator[None]:
    """A file of another team takes nine tenths of the first broker's disk."""
    used = int(made.compose("exec", "-T", "kafka", "du", "-sm", "/var/lib/kafka/data").split()[0])
    wanted_mb = _DISK_MB * 92 // 100 - used
    assert wanted_mb > 0, f"Kafka itself has {used} MB of it"
    made.compose("exec", "-T", "kafka", "sh", "-c", f"head -c {wanted_mb}M /dev/zero > {_FILLED}")
    try:
        yield
    finally:
        made.compose("exec", "-T", "kafka", "rm", _FILLED)


async def test_alerts_of_exporters_fire_lead_to_their_cause_and_end(deployed: Containers) -> None:
    async def quiet() -> bool:
        return not await firing(deployed)

    await until(lambda: watched(deployed), "each exporter was scraped", deadline_s=180)
    assert await quiet()  # the control
    async with a_report_that_keeps_connections(deployed), a_disk_almost_full(deployed):
        deployed.compose("kill", "--signal", "KILL", "kafka-2")
        for case in IN_CONTAINERS:
            await leads(deployed, case)
    deployed.lutong_ends(0, "up")
    deployed.sql("postgres", "ALTER ROLE lutong_watcher PASSWORD 'another'")
    deployed.compose("restart", "postgres-exporter")
    await leads(deployed, NOT_LET_IN)
    deployed.lutong_ends(0, "up")
    await until(quiet, "all alerts end", deadline_s=_WITHIN_S)
    deployed.lutong_ends(0, "doctor")
