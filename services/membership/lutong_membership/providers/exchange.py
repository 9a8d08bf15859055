"""One HTTP exchange with the outside, where not knowing what became of a request is an outcome of its own."""

from dataclasses import dataclass
from typing import Final, Literal

import httpx

BODY_BYTES_MAX: Final = 64_000

NotAnswered = Literal[
    "not_sent",  # no connection: certainly nothing happened
    "unknown",  # the request may have arrived
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and the body as it was sent. None is a body that is too long."""

    status: int
    body: bytes | None


async def exchange(
    client: httpx.AsyncClient, method: Literal["GET", "POST"], path: str, content: bytes | None = None
) -> Answer | NotAnswered:
    """Ask once. Redirects are not followed and bodies not unpacked; the caller bounds the time."""
    try:
        async with client.stream(method, path, content=content) as response:
            return Answer(response.status_code, await _body(response))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
        return "not_sent"
    except (httpx.HTTPError, httpx.StreamError):
        return "unknown"


async def _body(response: httpx.Response) -> bytes | None:
    """At most so much, and as it was sent: an endless body, or one that unpacks to it, must not cost memory."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


def client_for(url: str, token: str, timeout_s: float) -> httpx.AsyncClient:
    """A client for one provider. Proxies and passwords that the environment may know are not used."""
    return httpx.AsyncClient(
        base_url=url,
        headers={
            "authorization": f"Bearer {token}",
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
        },
        timeout=timeout_s,
        follow_redirects=False,
        trust_env=False,
    )
