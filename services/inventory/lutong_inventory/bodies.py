"""The router that the commands and queries of all subjects are added to, and refusals as their answers."""

from typing import Final

from lutong_chassis import Problem, routes
from lutong_inventory.refusal import Refusal

router = routes("inventory")
"""The one router; each subject adds its commands and queries to it."""

_STATUS: Final = {
    "not_found": 404,
    "bad_units": 422,
    "future": 422,
    "not_ordered": 422,
    "to_itself": 422,
    "named_twice": 422,
    "vault_closed": 503,
    "vault_locked": 503,
}


def refused(refusal: Refusal) -> Problem:
    """A refusal as it is answered."""
    return Problem(_STATUS.get(refusal.kind, 409), refusal.kind, refusal.detail, None, **refusal.facts)
