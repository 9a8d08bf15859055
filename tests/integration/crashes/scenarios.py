"""What happens to each service, in an order that makes sense: every command and every event at least once."""

from typing import Final

from tests.integration.crashes.feed_scenario import FEED
from tests.integration.crashes.inventory_scenario import INVENTORY
from tests.integration.crashes.life_accounts_scenario import LIFE_ACCOUNTS
from tests.integration.crashes.membership_scenario import MEMBERSHIP
from tests.integration.crashes.registry_scenario import REGISTRY
from tests.integration.crashes.steps import Step
from tests.integration.crashes.traffic_scenario import TRAFFIC

STORIES: Final[dict[str, tuple[Step, ...]]] = {
    "feed": FEED,
    "registry": REGISTRY,
    "membership": MEMBERSHIP,
    "inventory": INVENTORY,
}
CHAPTERS: Final[dict[str, tuple[str, int]]] = {
    **{name: (name, 0) for name in STORIES},
    "registry_rewards": ("registry", len(REGISTRY) - len(LIFE_ACCOUNTS) - len(TRAFFIC)),
}
"""Parts of stories that are killed apart from each other, with the number of their first step: what is before it only happens."""
