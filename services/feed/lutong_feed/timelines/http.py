"""Noticing that a reader reads: what is read is worth keeping."""

from fastapi import Request

from lutong_chassis.http.asking import note
from lutong_chassis.reading import Reader
from lutong_contracts.values import Identifier
from lutong_feed.timelines import readers
from lutong_feed.timelines.domain import OpenTimeline


async def keep(request: Request, account_id: Identifier) -> None:
    """Have a reader's timeline kept from their first page of a day on. It is read without that as well, only slower.

    Others who look at it (staff) keep nothing.
    """
    is_theirs = request.state.principal.member_id == account_id and "cursor" not in request.query_params
    if is_theirs and not await readers.is_open(Reader(request.app.state.service.required_pool), account_id):
        await note(request, OpenTimeline(account_id))
