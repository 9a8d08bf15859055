"""Who looks at the feed, and from where: a version in gray may be for some regions and devices."""

from typing import Annotated

from fastapi import Depends, Query

from lutong_chassis import Read
from lutong_contracts.gray import Viewing, Word
from lutong_contracts.hosts import PLATFORM_MAX, OnHost
from lutong_contracts.values import Identifier
from lutong_feed.hosts.store import hosts


async def _place(
    read: Read,
    region: Annotated[Word | None, Query(description="where the reader is, as merchants name regions")] = None,
    device: Annotated[Word | None, Query(description="what the reader holds, as merchants name devices")] = None,
    host: Annotated[
        Identifier | None, Query(description="the app that the reader is in, as operators registered it")
    ] = None,
    platform: Annotated[
        int, Query(ge=0, le=PLATFORM_MAX, description="which version of its platform that app has")
    ] = 0,
) -> Viewing:
    on = OnHost((await hosts(read, [host])).get(host), platform) if host else None
    return Viewing(None, region, device, on)


Looking = Annotated[Viewing, Depends(_place)]
"""From where and on what a reader looks, as their client has it; the route adds who."""
