"""Who looks at the feed, and from where: a version in gray may be for some regions and devices."""

from typing import Annotated

from fastapi import Depends, Query

from lutong_contracts.gray import Viewing, Word


def _place(
    region: Annotated[Word | None, Query(description="where the reader is, as merchants name regions")] = None,
    device: Annotated[Word | None, Query(description="what the reader holds, as merchants name devices")] = None,
) -> Viewing:
    return Viewing(None, region, device)


Looking = Annotated[Viewing, Depends(_place)]
"""From where and on what a reader looks, as their client has it; the route adds who."""
