"""Whom a mention names."""

from typing import Annotated

from fastapi import Path

from lutong_chassis import Problem, Read, Who, allowed, not_found, routes
from lutong_contracts.values import Text
from lutong_feed import accounts
from lutong_feed.views import AccountView

router = routes("feed")


@router.get("/v1/mentions/{word}")
@allowed("anybody")
async def get_mentioned(word: Annotated[Text, Path(min_length=1, max_length=80)], who: Who, read: Read) -> AccountView:
    """The account that `@word` names: the one with this id, or else the only one of this name. 409 when several are called so."""
    found = await accounts.mentioned(read, word)
    if len(found) > 1:
        raise Problem(409, "ambiguous", f"several accounts are called {word!r}: mention one by its id")
    account_id = found[0] if found else not_found("account", word)
    home = await accounts.account(read, account_id, who.member_id) or not_found("account", word)
    return AccountView(**home._asdict() | ({} if who.member_id else {"followed": None}))
