"""accounts: who posts and reads."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from lutong_console.imports.rows import Kind, Listed, Request, Row
from lutong_contracts.values import Identifier, Title


class AccountRow(Row):
    """An account, and what staff vouches for. What is absent stays as it is."""

    account_id: Identifier = Field(examples=["watsons-official"])
    name: Title = Field(examples=["屈臣氏"])
    kind: Literal["personal", "enterprise"] | None = Field(None, description="a new account is personal")
    merchant_id: Identifier | None = Field(None, description="the merchant it speaks for", examples=["watsons"])
    program_ids: Annotated[list[Identifier] | None, Listed] = Field(
        None, max_length=100, description="mini-programs bound to it", examples=["demo-watsons;demo-fund"]
    )


def request(rows: Sequence[AccountRow]) -> Request:
    """Create or change accounts."""
    accounts = [row.model_dump(exclude_none=True) for row in rows]
    return Request("POST", "/v1/accounts/batch", {"accounts": accounts})


ACCOUNTS: Final = Kind("accounts", AccountRow, "feed", ("account_id",), request)
