"""The keys of an issuer by URL, fetched beside the requests and again as they rotate: no request waits for the issuer."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn

import httpx
import jwt
import structlog

from lutong_chassis import addresses, observe

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from lutong_chassis.auth import Verifier

REFRESH_S: Final = 300.0
"""How old keys may become: one that the issuer withdrew is accepted for as long."""
PAUSE_S: Final = 10.0
"""Shortest time between two tries: tokens that name unknown keys do not make us ask all the time."""
_ANSWER_TIMEOUT_S: Final = 10.0
_BYTES_MAX: Final = 1_000_000

Read = Callable[[Mapping[str, Any]], dict[str, jwt.PyJWK]]
"""Keys out of a JWKS document, by `kid`; ValueError, KeyError or TypeError for a document that is none."""


@dataclass(slots=True)
class IssuerKeys(Mapping[str, jwt.PyJWK]):
    """Keys by `kid`, as they were when they were last fetched. Empty until the issuer has answered once.

    Asking for one that is not here has them fetched soon, for the next request with it.

        keys = IssuerKeys("https://id.example.org/jwks", public_keys)
        await keys.follow(verifier)
    """

    url: str
    read: Read
    client: Callable[[], httpx.AsyncClient] = lambda: httpx.AsyncClient(timeout=_ANSWER_TIMEOUT_S)
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict, repr=False)
    _missed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _refused: str = ""
    """Why the last try failed, if it did: each reason is logged once."""

    def __getitem__(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys:
            self._missed.set()
        return self._keys[kid]

    def get(self, kid: str, default: Any = None) -> Any:  # noqa: ANN401  # as a mapping's
        """The key of a name."""
        try:
            return self[kid]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    async def follow(self, verifier: "Verifier") -> NoReturn:
        """Fetch them now, every five minutes, and soon after one was missed; tokens are verified anew each time."""
        while True:
            self._missed.clear()
            if await self.fetch():
                verifier.verified.clear()  # a key may be gone
            began_s = monotonic()
            await self._due(REFRESH_S if self._keys and not self._refused else PAUSE_S)
            await asyncio.sleep(max(0.0, PAUSE_S - (monotonic() - began_s)))

    async def _due(self, after_s: float) -> None:
        """Wait until keys are to be fetched again."""
        try:
            await asyncio.wait_for(self._missed.wait(), after_s)
        except TimeoutError:
            return

    async def fetch(self) -> bool:
        """Ask the issuer; gives whether it answered with keys. Those of before stay until it does."""
        try:
            found = self.read(await self._ask())
        except (httpx.HTTPError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            observe.ISSUER_KEYS_REFUSED.inc()
            if (why := type(error).__name__) != self._refused:
                log.warning(
                    "issuer_keys_not_fetched", host=addresses.host_of(self.url), error=why, keys=len(self._keys)
                )
            self._refused = why
            return False
        if self._refused or found.keys() != self._keys.keys():
            log.info("issuer_keys_fetched", host=addresses.host_of(self.url), keys=sorted(found))
        self._keys, self._refused = found, ""
        return True

    async def _ask(self) -> Mapping[str, Any]:
        async with self.client() as client, client.stream("GET", self.url) as answer:
            answer.raise_for_status()
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _BYTES_MAX:
                    raise ValueError("the issuer's keys have more than a megabyte")
        return _mapping(body)


def _mapping(body: bytes) -> Mapping[str, Any]:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError("a JWKS document is an object")
    return document
