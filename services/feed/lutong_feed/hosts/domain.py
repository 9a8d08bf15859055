"""What opens in an app, and why not. Pure: no clock, no database."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from pydantic import TypeAdapter

from lutong_contracts.hosts import NOTHING, Needs, OnHost, covers
from lutong_contracts.registry import VersionHosted
from lutong_contracts.values import Value

Reason = Literal["unknown_host", "host_retired", "other_host", "no_capability", "platform_too_old"]


class Blocked(NamedTuple):
    """Why a version does not open: what the host lacks, or from which version of its platform on it would."""

    reason: Reason
    capability: str | None = None
    platform_version: int | None = None


class Hosted(Value):
    """A version that some hosts have of their own, as cards show it."""

    version: int
    title: str
    page: str
    needs: Needs

    @classmethod
    def of(cls, event: VersionHosted) -> "Hosted":
        """What cards need of an event."""
        return cls(version=event.version, title=event.title, page=event.page, needs=event.needs)


_LIST: Final = TypeAdapter(tuple[Hosted, ...])
_KEPT: Final = 256


@lru_cache(_KEPT)
def hosted_of(stored: str | None) -> tuple[Hosted, ...]:
    """Versions that hosts have of their own, from JSON; newest first."""
    return tuple(sorted(_LIST.validate_json(stored), key=lambda each: -each.version)) if stored else ()


@lru_cache(_KEPT)
def needs_of(stored: str | None) -> Needs:
    """What a version needs, from JSON; nothing, where nothing is stored."""
    return Needs.model_validate_json(stored) if stored else NOTHING


def written(versions: Sequence[Hosted]) -> str | None:
    """Versions as they are stored; None of none."""
    return _LIST.dump_json(tuple(versions)).decode() if versions else None


def added(known: Sequence[Hosted], version: Hosted) -> tuple[Hosted, ...]:
    """With one more; those that it covers are gone, as they are in the registry."""
    return (*without_covered(known, version.needs), version)


def without_covered(known: Sequence[Hosted], needs: Needs) -> tuple[Hosted, ...]:
    """Without those whose hosts a newer version is for, too."""
    return tuple(each for each in known if not is_covered(each, needs))


def is_covered(known: Hosted, needs: Needs) -> bool:
    """Whether a newer version is for all hosts of one that these have of their own."""
    return covers(needs.hosts, known.needs.hosts)


def why_not(needs: Needs, on: OnHost | None) -> Blocked | None:
    """Why a version does not open where a reader is; None where it does. Who does not state where they are opens it, as before.

    >>> why_not(Needs(capabilities=("pay",)), None)
    """
    if on is None or needs == NOTHING:
        return None
    if on.facts is None:
        return Blocked("unknown_host")
    if on.facts.retired_for:
        return Blocked("host_retired")
    if needs.hosts is not None and on.facts.host_id not in needs.hosts:
        return Blocked("other_host")
    able = {each.capability: each.platform_version for each in on.facts.capabilities}
    lacking = next((name for name in needs.capabilities if name not in able), None)
    if lacking is not None:
        return Blocked("no_capability", lacking)
    wanted = max((needs.platform_version, *(able[name] for name in needs.capabilities)))
    return Blocked("platform_too_old", platform_version=wanted) if wanted > on.platform else None


def own_of(hosted: str | None, on: OnHost | None) -> list[Hosted]:
    """Versions that the reader's host has of its own, newest first."""
    host_id = on.facts.host_id if on and on.facts else None
    return [each for each in hosted_of(hosted) if host_id in (each.needs.hosts or ())]
