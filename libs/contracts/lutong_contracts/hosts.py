"""Apps that programs run in, and what a version needs of one: stated in its manifest, carried by its events, decided where a card is shown."""

from typing import Annotated, Final, Literal, NamedTuple, get_args

from pydantic import Field

from lutong_contracts.entity import Entity
from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import GRANTS, HOSTS
from lutong_contracts.values import Identifier, Reason, Title, Value

CapabilityName = Literal["pay", "identity", "credit", "coupons", "location"]
"""What a program may ask its host and the platform for."""

CAPABILITIES: Final[tuple[CapabilityName, ...]] = get_args(CapabilityName)

AnyCapability = Annotated[str, Open(CapabilityName)]

PLATFORM_MAX: Final = 1_000_000


class Needs(Value):
    """What a version needs. `hosts`: it runs on these alone; absent: on any. `platform_version`: at least this one of the host's platform."""

    hosts: tuple[Identifier, ...] | None = Field(default=None, max_length=50)
    platform_version: int = Field(default=0, ge=0, le=PLATFORM_MAX)
    capabilities: tuple[AnyCapability, ...] = Field(default=(), max_length=20)


NOTHING: Final = Needs()
"""What a version needs of which nothing is stated."""


class HostCapability(Value):
    """What a host can do for programs, from which version of its platform on."""

    capability: AnyCapability
    platform_version: int = Field(ge=0, le=PLATFORM_MAX)


class Scene(Value):
    """A place of a host from which programs are opened."""

    scene_id: Identifier
    title_zh: Title
    title_en: Title


class HostFacts(Entity):
    """An app that programs run in. `retired_for`: it opens nothing any more, and why."""

    host_id: Identifier
    title_zh: Title
    title_en: Title
    capabilities: tuple[HostCapability, ...] = Field(default=(), max_length=20)
    scenes: tuple[Scene, ...] = Field(default=(), max_length=200)
    retired_for: Reason | None = None


class HostRegistered(HostFacts, Event, topic=HOSTS, key="host_id"):
    """An app may run programs from now on."""


class HostChanged(HostFacts, Event, topic=HOSTS, key="host_id"):
    """An app has another name, can do other things, or has other scenes."""


class HostRetired(HostFacts, Event, topic=HOSTS, key="host_id"):
    """An app runs no programs any more: cards that need a host state it there."""


class CapabilitiesChanged(Entity, Event, topic=GRANTS, key="program_id"):
    """What a program may use, as an operator granted or revoked it. `enforced`: a version that declares what it uses was released, and what is
    not granted is refused from then on; until then nothing is, as before capabilities were known."""

    program_id: Identifier
    granted: tuple[AnyCapability, ...] = Field(default=(), max_length=20)
    enforced: bool = False


class OnHost(NamedTuple):
    """The app that a reader looks from, in which version of its platform; `facts` are None of one that nobody registered."""

    facts: HostFacts | None
    platform: int


def covers(wide: tuple[str, ...] | None, narrow: tuple[str, ...] | None) -> bool:
    """Whether a version for the hosts `wide` is for all of `narrow`; None is any host.

    >>> covers(None, ("weibo",)), covers(("weibo",), None), covers(("amap", "weibo"), ("weibo",))
    (True, False, True)
    """
    return wide is None or (narrow is not None and {*narrow} <= {*wide})
