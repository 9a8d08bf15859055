"""The commands and queries of the registry, by subject."""

from lutong_registry.bodies import router
from lutong_registry.discovery import http as discovery
from lutong_registry.hosts import http as hosts
from lutong_registry.life_accounts import http as life_accounts
from lutong_registry.light_stores import http as light_stores
from lutong_registry.merchants import http as merchants
from lutong_registry.programs import capabilities_http as capabilities
from lutong_registry.programs import embedding_http as embedding
from lutong_registry.programs import http as programs
from lutong_registry.rankings import http as rankings
from lutong_registry.releases import http as releases
from lutong_registry.search import http as search
from lutong_registry.traffic import http as traffic

__all__ = [
    "capabilities",
    "discovery",
    "embedding",
    "hosts",
    "life_accounts",
    "light_stores",
    "merchants",
    "programs",
    "rankings",
    "releases",
    "router",
    "search",
    "traffic",
]
