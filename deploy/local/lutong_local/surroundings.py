"""What a shell may pass to the services of a local stack, and what is of another deployment."""

import os
from typing import Final

_TAKEN_OVER: Final = frozenset({"LUTONG_LOG_LEVEL", "LUTONG_OTLP_ENDPOINT"})
"""What a shell may set for the services of a local stack."""


def surroundings() -> dict[str, str]:
    """The environment without what it sets for services elsewhere: whom to ask, as whom, and how to behave there."""
    theirs = ("LUTONG_", "PG")  # asyncpg reads PGSSLMODE and its like, as PostgreSQL's own tools do
    return {
        name: value for name, value in os.environ.items() if name in _TAKEN_OVER or not name.upper().startswith(theirs)
    }
