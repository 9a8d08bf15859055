"""What is asked of a service, and the state in which it is asked. Everything asked for belongs to acme and ann."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import (
    deliver,
)
from lutong_contracts import Event
from tests.integration.security.callers import (
    Row,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `about` is the id, in its path or body, by whose owner it is judged."""

    path: str
    body: Any = None
    about: str = ""


@dataclass(slots=True)
class World:
    """A service's database with what acme and ann have; `admin` asks the service."""

    service: Service
    pool: Pool
    admin: httpx.AsyncClient
    numbers: "count[int]" = field(default_factory=count)

    def fresh(self, what: str) -> str:
        """An id that is not used yet."""
        return f"{what}-{next(self.numbers)}"

    async def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # JSON
        """Arrange something by the service's own routes."""
        answer = await self.admin.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def consume(self, *events: Event) -> None:
        """Arrange something by what others say."""
        await deliver(self.pool, self.service.handlers, *events)


Ask = Callable[[World], Awaitable[Asked]]
Matrix = dict[str, tuple[Row, Ask]]


def fixed(path: str, body: object = None, about: str = "") -> Ask:
    """The same request every time."""

    async def ask(_world: World) -> Asked:
        return Asked(path, body, about)

    return ask
