"""What the registry's subjects share: their router, and a check of lists."""

from collections import Counter
from collections.abc import Sequence

from lutong_chassis import routes

router = routes("registry")


def once(values: Sequence[str], what: str) -> None:
    """Refuse a list in which one of two would silently win."""
    repeated = next((value for value, count in Counter(values).items() if count > 1), None)
    if repeated is not None:
        raise ValueError(f"{what} may come once, {repeated!r} is repeated")
