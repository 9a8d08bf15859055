"""Every SQL statement of the registry: sets of keys in, sets of rows out."""

from lutong_registry.store.programs import (
    add_versions,
    lock_merchant,
    lock_programs,
    merchants_known,
    read_programs,
    register_programs,
    save_merchants,
    save_states,
    save_suspension,
)
from lutong_registry.store.search import (
    CANDIDATES_MAX,
    CHARACTERS_MAX,
    COMPARED_MAX,
    listings,
    matches,
    refresh_listings,
    search,
)
from lutong_registry.store.uses import (
    count_usage,
    discovery,
    save_discoveries,
    summary,
    usage,
)

__all__ = [
    "CANDIDATES_MAX",
    "CHARACTERS_MAX",
    "COMPARED_MAX",
    "add_versions",
    "count_usage",
    "discovery",
    "listings",
    "lock_merchant",
    "lock_programs",
    "matches",
    "merchants_known",
    "read_programs",
    "refresh_listings",
    "register_programs",
    "save_discoveries",
    "save_merchants",
    "save_states",
    "save_suspension",
    "search",
    "summary",
    "usage",
]
