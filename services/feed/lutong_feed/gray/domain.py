"""Which version a viewer sees. Pure: no clock, no database."""

from functools import lru_cache
from typing import Final, NamedTuple

from lutong_contracts.gray import Audience, Viewing, sees
from lutong_contracts.hosts import NOTHING, Needs
from lutong_contracts.registry import VersionGrayed
from lutong_contracts.values import Value
from lutong_feed.hosts.domain import Blocked, needs_of, own_of, why_not


class InGray(Value):
    """A version in gray, as cards show it, and who sees it."""

    version: int
    title: str
    page: str
    audience: Audience
    needs: Needs = NOTHING

    @classmethod
    def of(cls, event: VersionGrayed) -> "InGray":
        """What cards need of an event."""
        return cls(
            version=event.version,
            title=event.title,
            page=event.page,
            audience=event.audience,
            needs=event.needs or NOTHING,
        )


class Shown(NamedTuple):
    """The version that a card shows and opens, or why the reader's app cannot open it."""

    version: int | None
    title: str | None
    page: str | None
    blocked: Blocked | None = None


class Others(NamedTuple):
    """What is beside the released version, as JSON: the one in gray (`InGray`), what the released one needs of its host, and what hosts
    have of their own."""

    gray: str | None = None
    needs: str | None = None
    hosted: str | None = None


_KEPT: Final = 256


@lru_cache(_KEPT)
def _in_gray(gray: str) -> InGray:
    """A page of posts has the same program again and again, and a list of viewers may be long."""
    return InGray.model_validate_json(gray)


class Candidate(NamedTuple):
    """A version that may be shown, and what it needs."""

    shown: Shown
    needs: Needs


def shown(program_id: str | None, released: Shown, others: Others, viewing: Viewing) -> Shown:
    """What this viewer sees of a program: of the versions that are for them, the newest that opens in their app.

    In gray, then those that the app has of its own, then what all have. Where none opens, the one in force there, and why it does not.
    """
    if program_id is None or released.version is None:
        return released
    own = [
        Candidate(Shown(each.version, each.title, each.page), each.needs) for each in own_of(others.hosted, viewing.on)
    ]
    in_force = [*own, Candidate(released, needs_of(others.needs))]
    for version, needs in [*_gray_for(program_id, others.gray, viewing), *in_force]:
        if why_not(needs, viewing.on) is None:
            return version
    version, needs = in_force[0]
    return version._replace(blocked=why_not(needs, viewing.on))


def _gray_for(program_id: str, gray: str | None, viewing: Viewing) -> list[Candidate]:
    """The version in gray, if this viewer is of its audience; one for some hosts is for who states that they look from one of them."""
    if gray is None:
        return []
    version = _in_gray(gray)
    if not sees(version.audience, program_id, viewing) or (version.needs.hosts is not None and viewing.on is None):
        return []
    return [Candidate(Shown(version.version, version.title, version.page), version.needs)]
