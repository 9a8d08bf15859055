"""Members who deal with money while everything dies: they pay back, leave, and are given coupons; lines are changed.

What a client was told goes into the history, by the id under which it must be there.
"""

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

import httpx

from lutong_contracts.topics import SERVICES
from lutong_local.stack import Stack
from tests.chaos.world import CAP_MINOR, VIEWERS, viewer

AT_ONCE = 32
"""Requests in progress at one service: fewer than it admits."""
_TRIES_MAX = 60
_PAUSE_S = 0.25


def tell(history: TextIO, kind: str, what: str) -> None:
    """Write down that a client was told yes."""
    history.write(json.dumps({"kind": kind, "id": what, "outcome": "ok"}) + "\n")


class Client:
    """Says things until they are answered.

    A client that waits for its turn waits here, in order: the queue of httpx's pool costs more the longer it is.
    """

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.http = http
        self.turns = {service: asyncio.Semaphore(AT_ONCE) for service in SERVICES}

    async def command(
        self, service: str, path: str, body: object, key: str | None, method: str = "POST"
    ) -> httpx.Response | None:  # what to send, to whom
        """Send it, with a key where it takes one, until an answer is not 409 in progress, 429 or 5xx; None when there never was one."""
        for _ in range(_TRIES_MAX):
            with suppress(httpx.TransportError):
                async with self.turns[service]:
                    url = f"{self.stack.url(service)}{path}"
                    headers = {"lutong-reason": "chaos"} | ({"idempotency-key": key} if key else {})
                    answer = await self.http.request(method, url, json=body, headers=headers)
                in_progress = answer.content and answer.json().get("type") == "urn:lutong:problem:in_progress"
                if answer.status_code < 500 and not in_progress:
                    return answer
            await asyncio.sleep(0.5)  # a client's patience between tries
        return None

    async def ask(self, service: str, path: str) -> Any:  # noqa: ANN401  # JSON
        """GET; None when nobody answers: silence is not an empty answer."""
        with suppress(httpx.TransportError, ValueError):
            async with self.turns[service]:
                answer = await self.http.get(f"{self.stack.url(service)}{path}")
            if answer.status_code == 200:
                return answer.json()
        return None


@dataclass(slots=True)
class Staff:
    """Where members deal with money, at a steady pace, whatever is down."""

    client: Client
    rng: random.Random
    history: TextIO
    coupons: dict[str, list[str]] = field(default_factory=dict)
    """Coupons that members were given and have not used yet."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Of each member, an address in the vault."""

    async def address_of(self, member: str) -> str | None:
        """An address of a member, stored when it is asked for first. It takes no key: what is sent twice is there twice."""
        if member not in self.addresses:
            door = {"name": member, "phone": "13800138000", "text": f"door of {member}"}
            stored = await self.client.command("inventory", f"/v1/members/{member}/addresses", door, None)
            if stored is None or stored.status_code != 201:
                return None
            self.addresses[member] = stored.json()["address_id"]
        return self.addresses[member]

    async def work(self, done: asyncio.Event) -> None:
        """One thing after the other, until no more orders are placed."""
        number = 0
        while not done.is_set():
            number += 1
            member = viewer(self.rng.randrange(VIEWERS))
            deal = self.rng.choices([self.repay, self.give_coupon, self.leave, self.change_line], [8, 8, 2, 1])[0]
            await deal(member, f"deal-{number}")
            await asyncio.sleep(_PAUSE_S)  # the rhythm of an office

    async def repay(self, member: str, key: str) -> None:
        """Money arrives at the bank, often for part of what is owed; what is too much is owed to the member."""
        body = {"amount_minor": self.rng.randint(100, 4_000), "bank": "icbc", "reference": key}
        answer = await self.client.command("membership", f"/v1/members/{member}/repayments", body, key)
        if answer and answer.is_success:
            tell(self.history, "repayment", answer.json()["repayment_id"])

    async def give_coupon(self, member: str, key: str) -> None:
        """A coupon for one of the next orders."""
        path = "/v1/coupon-stocks/spring/coupons"
        answer = await self.client.command("membership", path, {"member_id": member}, key)
        if answer and answer.is_success:
            coupon_id = answer.json()["coupon_id"]
            self.coupons.setdefault(member, []).append(coupon_id)
            tell(self.history, "coupon", coupon_id)

    async def leave(self, member: str, key: str) -> None:
        """Quit, whatever it costs; the next order signs anew."""
        found = await self.client.ask("membership", f"/v1/members/{member}")
        active = [one["agreement_id"] for one in (found or {}).get("agreements", ()) if one["state"] == "active"]
        for agreement_id in active[:1]:
            body = {"accepted_charge_minor": CAP_MINOR}
            answer = await self.client.command("membership", f"/v1/agreements/{agreement_id}/quit", body, key)
            if answer and answer.is_success:
                tell(self.history, "quit", agreement_id)

    async def change_line(self, member: str, key: str) -> None:
        """Often below what is in use: the line then falls step by step."""
        body = {"limit_minor": self.rng.choice([1_000, 5_000, 20_000, 100_000]), "reason": "drawn at random"}
        await self.client.command("membership", f"/v1/members/{member}/line", body, key, "PUT")
