"""The events that the registry handles, by subject."""

from lutong_chassis import Handlers
from lutong_registry.capabilities import handlers as capabilities
from lutong_registry.discovery import handlers as discovery
from lutong_registry.hosts import handlers as hosts
from lutong_registry.life_accounts import handlers as life_accounts
from lutong_registry.light_stores import handlers as light_stores
from lutong_registry.merchants import handlers as merchants
from lutong_registry.programs import handlers as programs
from lutong_registry.releases import handlers as releases
from lutong_registry.traffic import handlers as traffic
from lutong_registry.usage import handlers as usage

handlers = Handlers()
for subject in (
    programs,
    hosts,
    capabilities,
    life_accounts,
    light_stores,
    merchants,
    discovery,
    releases,
    traffic,
    usage,
):
    handlers.include(subject.handlers)
