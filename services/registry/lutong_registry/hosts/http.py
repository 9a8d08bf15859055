"""What operators ask of hosts, and what everybody may know of them."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lutong_chassis import Command, Problem, Read, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.hosts import PLATFORM_MAX, CapabilityName, HostCapability, HostFacts, Scene
from lutong_contracts.values import Identifier, Reason, Title
from lutong_registry.bodies import once, router
from lutong_registry.hosts import domain, store


class Able(Command):
    """What a host can do for programs, and from which version of its platform on."""

    capability: CapabilityName
    platform_version: int = Field(0, ge=0, le=PLATFORM_MAX)


class WantedScene(Command):
    """A place of a host from which programs are opened."""

    scene_id: Identifier = Field(examples=["1005"])
    title_zh: Title = Field(examples=["搜索结果"])
    title_en: Title = Field(examples=["search result"])


class WantedHost(Command):
    """An app that programs run in. What is absent stays as it was; each list is whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title_zh": "高德",
                    "title_en": "Amap",
                    "capabilities": [{"capability": "pay", "platform_version": 12}],
                }
            ]
        }
    )

    title_zh: Title
    title_en: Title
    capabilities: list[Able] | None = Field(None, max_length=20)
    scenes: list[WantedScene] | None = Field(None, max_length=200)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        once([each.capability for each in self.capabilities or ()], "capabilities: each capability")
        once([each.scene_id for each in self.scenes or ()], "scenes: each scene_id")
        return self

    def over(self, known: HostFacts) -> HostFacts:
        """The host as it is to be."""
        after: dict[str, object] = {"title_zh": self.title_zh, "title_en": self.title_en}
        if self.capabilities is not None:
            after["capabilities"] = tuple(HostCapability(**each.model_dump()) for each in self.capabilities)
        if self.scenes is not None:
            after["scenes"] = tuple(Scene(**each.model_dump()) for each in self.scenes)
        return known.model_copy(update=after)


class Retirement(Command):
    """Why an app opens nothing any more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "end_of_life"}]})

    reason: Reason = Field(examples=["end_of_life"])


class HostView(BaseModel):
    """An app that programs run in. `retired_for`: it opens nothing any more."""

    host_id: str
    title_zh: str
    title_en: str
    capabilities: list[HostCapability]
    scenes: list[Scene]
    retired_for: str | None


@router.put("/v1/hosts/{host_id}")
@allowed("operator")
@audited("host.put", shows=("capabilities", "revision"))
async def put_host(host_id: Identifier, wanted: WantedHost, who: Who, tx: TxDependency) -> HostView:
    """Register an app that programs run in, or change it. Repeating it changes nothing."""
    known = await store.lock(tx, host_id)
    fresh = HostFacts(host_id=host_id, title_zh=wanted.title_zh, title_en=wanted.title_en, revision=1)
    decided = domain.put(known, wanted.over(known or fresh))
    if decided is None:
        raise Problem(409, "host_retired", f"host {host_id!r} is retired for good: register the app with another id")
    return await _saved(tx, who, "host.put", (known, decided), None)


@router.post("/v1/hosts/{host_id}/retirement")
@allowed("operator")
@audited("host.retire", shows=("capabilities", "revision"))
async def retire_host(host_id: Identifier, body: Retirement, who: Who, tx: TxDependency) -> HostView:
    """Retire an app, for good: cards that need a host state it there. Once is enough."""
    known = await store.lock(tx, host_id) or not_found("host", host_id)
    return await _saved(tx, who, "host.retire", (known, domain.retire(known, body.reason)), body.reason)


@router.get("/v1/hosts")
@allowed("anybody")
async def list_hosts(read: Read) -> list[HostView]:
    """The apps that programs run in, what each can do and from which version of its platform on."""
    return [_view(facts) for facts in await store.hosts(read)]


@router.get("/v1/hosts/{host_id}")
@allowed("anybody")
async def get_host(host_id: Identifier, read: Read) -> HostView:
    """An app that programs run in."""
    return _view(next(iter(await store.hosts(read, [host_id])), None) or not_found("host", host_id))


async def _saved(
    tx: Tx, who: Who, action: str, change: tuple[HostFacts | None, HostFacts], reason: str | None
) -> HostView:
    before, after = change
    if after != before:
        await store.keep(tx, [after])
        tx.publish(*domain.host_news([after]))
    of = (_on_record(before) if before else None, _on_record(after))
    await audit.record(tx, who, audit.Change(action, f"host:{after.host_id}", reason, *of))
    return _view(after)


def _on_record(facts: HostFacts) -> dict[str, object]:
    able = " ".join(f"{each.capability}>={each.platform_version}" for each in facts.capabilities)
    return {"capabilities": able, "revision": facts.revision}


def _view(facts: HostFacts) -> HostView:
    return HostView.model_validate(facts.model_dump(exclude={"revision"}))
