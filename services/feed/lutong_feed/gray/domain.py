"""Which version a viewer sees. Pure: no clock, no database."""

from functools import lru_cache
from typing import Final, NamedTuple

from lutong_contracts.gray import Audience, Viewing, sees
from lutong_contracts.registry import VersionGrayed
from lutong_contracts.values import Value


class InGray(Value):
    """A version in gray, as cards show it, and who sees it."""

    version: int
    title: str
    page: str
    audience: Audience

    @classmethod
    def of(cls, event: VersionGrayed) -> "InGray":
        """What cards need of an event."""
        return cls(version=event.version, title=event.title, page=event.page, audience=event.audience)


class Shown(NamedTuple):
    """The version that a card shows and opens."""

    version: int | None
    title: str | None
    page: str | None


_KEPT: Final = 256


@lru_cache(_KEPT)
def _in_gray(gray: str) -> InGray:
    """A page of posts has the same program again and again, and a list of viewers may be long."""
    return InGray.model_validate_json(gray)


def shown(program_id: str | None, released: Shown, gray: str | None, viewing: Viewing) -> Shown:
    """What this viewer sees of a program; `gray` is an `InGray` as JSON, if a version is in gray."""
    if program_id is None or gray is None or released.version is None:
        return released
    version = _in_gray(gray)
    if not sees(version.audience, program_id, viewing):
        return released
    return Shown(version.version, version.title, version.page)
