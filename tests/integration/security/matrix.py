"""Who may do what, declared a second time: every route of every service, and what each kind of caller gets.

The services declare it once, beside their routes; this table declares it on its own, so that a slip in one is
noticed by the other. Everything asked for belongs to the merchant acme and the member ann.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from tests.integration.security.routes.feed import FEED, a_feed
from tests.integration.security.routes.inventory import INVENTORY
from tests.integration.security.routes.inventory_things import an_inventory
from tests.integration.security.routes.membership import MEMBERSHIP, a_membership
from tests.integration.security.routes.registry import REGISTRY, a_registry
from tests.integration.security.world import Matrix, World

SERVICES: Final[dict[str, tuple[Callable[[World], Awaitable[None]], Matrix]]] = {
    "feed": (a_feed, FEED),
    "registry": (a_registry, REGISTRY),
    "membership": (a_membership, MEMBERSHIP),
    "inventory": (an_inventory, INVENTORY),
}
