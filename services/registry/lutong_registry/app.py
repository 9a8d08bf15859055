"""The registry, put together."""

from collections.abc import Sequence
from pathlib import Path

from lutong_chassis import Service, Tx
from lutong_contracts import Event
from lutong_contracts.topics import GRANTS, HOSTS, MERCHANTS
from lutong_registry.capabilities.store import grants_after
from lutong_registry.handlers import handlers
from lutong_registry.hosts.domain import host_news
from lutong_registry.hosts.store import hosts_after
from lutong_registry.http import router
from lutong_registry.jobs import job_queues
from lutong_registry.programs.domain import merchant_news
from lutong_registry.programs.merchants import merchants_after


async def merchants(tx: Tx, after: str, limit: int) -> Sequence[Event]:
    """Merchants behind an id, to be published once more."""
    return merchant_news(await merchants_after(tx, after, limit))


async def hosts(tx: Tx, after: str, limit: int) -> Sequence[Event]:
    """Hosts behind an id, to be published once more."""
    return host_news(await hosts_after(tx, after, limit))


async def grants(tx: Tx, after: str, limit: int) -> Sequence[Event]:
    """What programs behind an id may use, to be published once more."""
    return [each.event for each in await grants_after(tx, after, limit)]


service = Service(
    "registry",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    job_queues=job_queues,
    entities={MERCHANTS: merchants, HOSTS: hosts, GRANTS: grants},
)

if __name__ == "__main__":
    service.run()
