"""Everybody who tries: members, merchants and operators, each with a token of their own."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.tokens import Signer
from lutong_console.bearer import Bearer
from lutong_console.targets import Suite

_LIFETIME_S: Final = 300


def an_operator(name: str) -> Principal:
    """One of several operators."""
    return Principal(name, "operator")


def the_member(member_id: str) -> Principal:
    """A member, under their own id."""
    return Principal(member_id, "member", member_id=member_id)


def the_merchant(merchant_id: str) -> Principal:
    """Staff of a merchant."""
    return Principal(f"staff-of-{merchant_id}", "merchant", merchant_id=merchant_id)


@dataclass(slots=True)
class People:
    """Asks the services of a suite as anybody."""

    client: httpx.AsyncClient
    target: Suite
    signer: Signer
    tokens: dict[Principal, Bearer] = field(default_factory=dict)

    async def ask(self, who: Principal, method: str, path: str, **body: Any) -> httpx.Response:  # JSON
        """Ask membership, or the service that the path begins with: `inventory:/v1/…`."""
        service, _, route = path.rpartition(":/")
        url = f"{self.target.urls[service or 'membership']}/{route.removeprefix('/')}"
        token = self.tokens.setdefault(who, Bearer(lambda: self.signer.token(who, _LIFETIME_S)))
        return await self.client.request(method, url, json=body or None, auth=token)
