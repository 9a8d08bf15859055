"""Who sees a version in gray: decided from its audience alone, so that registry, feed and clients agree without asking.

A viewer has a bucket from 0 to 99 for each salt. A version at 10 % is for buckets below 10, at 30 % for those below 30: who saw it
goes on seeing it when it is widened, and the next version, with another salt, tries others first.
"""

from hashlib import blake2b
from typing import Annotated, Final, NamedTuple

from pydantic import Field, StringConstraints

from lutong_contracts.hosts import OnHost
from lutong_contracts.values import Identifier, OneLine, Printable, Value

STEPS: Final = (10, 30, 50)
"""Shares of viewers, in percent, that a version in gray is widened to, one after the other."""

BUCKETS: Final = 100

Word = Annotated[str, StringConstraints(min_length=1, max_length=30, strip_whitespace=True), Printable, OneLine]
"""A region or a kind of device, as clients name it."""


class Audience(Value):
    """Who sees a version: `viewers` always, and `percent` of those in `regions` on `devices`; empty means everywhere."""

    salt: Identifier
    percent: int = Field(ge=1, le=BUCKETS)
    viewers: tuple[Identifier, ...] = Field(default=(), max_length=500)
    regions: tuple[Word, ...] = Field(default=(), max_length=50)
    devices: tuple[Word, ...] = Field(default=(), max_length=20)


class Viewing(NamedTuple):
    """Who looks, and from where and on what, as their client reports it; `on` is the app that it is in."""

    viewer_id: str | None
    region: str | None = None
    device: str | None = None
    on: OnHost | None = None


def bucket(program_id: str, salt: str, viewer_id: str) -> int:
    """The bucket of a viewer, 0 to 99: the same for ever, and independent of those of other salts and programs.

    >>> bucket("fund", "s-1", "reader-1") == bucket("fund", "s-1", "reader-1")
    True
    """
    digest = blake2b(f"{program_id}\n{salt}\n{viewer_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % BUCKETS


def sees(audience: Audience, program_id: str, viewing: Viewing) -> bool:
    """Whether a viewer sees the version in gray. Who is not known sees what everybody sees.

    >>> sees(Audience(salt="s-1", percent=100), "fund", Viewing("reader-1")), sees(Audience(salt="s-1", percent=100), "fund", Viewing(None))
    (True, False)
    """
    if viewing.viewer_id is None:
        return False
    if viewing.viewer_id in audience.viewers:
        return True
    return (
        (not audience.regions or viewing.region in audience.regions)
        and (not audience.devices or viewing.device in audience.devices)
        and bucket(program_id, audience.salt, viewing.viewer_id) < audience.percent
    )


def widens(before: Audience, after: Audience) -> bool:
    """Whether everybody who sees the version goes on seeing it."""
    return (
        after.salt == before.salt
        and after.percent >= before.percent
        and {*after.viewers} >= {*before.viewers}
        and _covers(before.regions, after.regions)
        and _covers(before.devices, after.devices)
    )


def _covers(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    return not after or bool(before and {*after} >= {*before})
