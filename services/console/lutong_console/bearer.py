"""The tokens that requests carry: of the operator at this terminal, or of whom a command acts for."""

import getpass
import re
import time
from collections.abc import Callable, Generator
from typing import Final

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.tokens import Signer

_TOKEN_LIFETIME_S: Final = 300


class Bearer(httpx.Auth):
    """Sends a token with every request; a fresh one before the last expires."""

    def __init__(self, mint: Callable[[], str]) -> None:
        self.mint = mint
        self.token = ""
        self.minted_at = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Httpx's hook."""
        if not self.token or time.monotonic() - self.minted_at > _TOKEN_LIFETIME_S / 2:
            self.token, self.minted_at = self.mint(), time.monotonic()
        request.headers["authorization"] = f"Bearer {self.token}"
        yield request


def operator(signer: Signer) -> Bearer:
    """The user of this terminal, as an operator; a token is made when it is needed, and lives for minutes."""
    return acting_as(signer, Principal(re.sub(r"[^\x21-\x7e]", "-", getpass.getuser()), "operator"))


def acting_as(signer: Signer, who: Principal) -> Bearer:
    """Ask the services as this principal."""
    return Bearer(lambda: signer.token(who, _TOKEN_LIFETIME_S))
