"""Requests of a person to the services: an answer, nothing when it is not there, or a refusal with its sentence."""

from typing import Any, Final

import httpx
from starlette.requests import Request

from lutong_console.reader.people import SPOTS, Person
from lutong_console.targets import Suite

TIMEOUT_S: Final = 10.0
SENTENCES: Final = {
    "other_total": "The price has changed since you saw it. Look at it again, then order.",
    "card_unavailable": "This card cannot be used just now.",
    "card_resolving": "The service behind this post is still being looked for. Try again in a moment.",
    "not_offered": "The program does not sell this any more.",
    "ended": "This order has ended: nothing can be changed.",
    "not_ready": "There is a code once the order is ready for pickup.",
    "never_served": "This page is not as it was shown to you. Open the post again.",
    "bad_cursor": "This link leads to older posts of another list or reader. Start again at the top.",
    "stale_cursor": "This link to older posts is more than a week old. Start again at the top.",
    "ambiguous": "Several accounts are called so.",
    "revised_meanwhile": "This was edited meanwhile. Read it again, then edit it.",
    "too_many_revisions": "This was edited too often. Write another post.",
    "not_ahead": "This time is over already: choose a later one, or publish it now.",
    "too_far_ahead": "A post is scheduled a year ahead at most: choose an earlier time.",
    "too_many_drafts": "You have a hundred drafts. Publish or drop one first.",
    "too_long": "The text has more than 2,000 characters. Shorten it.",
    "piled_up": "A character of the text is piled up from too many signs. Take some off.",
    "kept_apart": "You and this account are kept apart by a block.",
    "deleted": "This post was deleted.",
    "quoted_deleted": "What you quote was deleted.",
    "no_parent": "What you repost or quote is not there, or not for everybody.",
    "no_quoted": "What you repost or quote is not there, or not for everybody.",
    "parent_deleted": "The original was deleted: it cannot be reposted.",
    "not_found": "This is not there, or not yours.",
    "too_many_requests": "That was too often. Wait a moment, then try again.",
}
"""What a refusal means to a reader, by the kind of the problem."""
OTHERWISE: Final = "The service refused this."
UNREACHABLE: Final = "The service does not answer. Nothing was lost: try again in a moment."


class RefusedError(Exception):
    """A service refused: with which status, the sentence for the reader, and the service's own words."""

    def __init__(self, status: int, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.detail = detail


class Asking:
    """A client of the services that asks as a person."""

    def __init__(self, request: Request, person: Person) -> None:
        self.client: httpx.AsyncClient = request.app.state.client
        self.target: Suite = request.app.state.target
        self.person = person
        self.auth = request.app.state.readers.bearer(person)

    async def get(self, service: str, path: str, **query: str | int) -> Any:  # noqa: ANN401  # JSON
        """What is there, for a reader at the first place of the demo. Raises `RefusedError`."""
        here = next(iter(SPOTS.values()))
        headers = {"lutong-place": f"{here.latitude},{here.longitude}"} if service == "feed" else {}
        return await self._ask("GET", service, path, params=query, headers=headers)

    async def find(self, service: str, path: str) -> Any:  # noqa: ANN401  # JSON
        """What is there, or None: also of what is there no more."""
        try:
            return await self.get(service, path)
        except RefusedError as refused:
            if refused.status in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
                return None
            raise

    async def command(self, service: str, path: str, body: object, *, key: str = "", method: str = "POST") -> Any:  # noqa: ANN401  # JSON
        """Send a command; the same `key` again has no second effect. Raises `RefusedError`."""
        headers = {"idempotency-key": key} if key else {}
        return await self._ask(method, service, path, json=body, headers=headers)

    async def _ask(self, method: str, service: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401  # JSON
        url = f"{self.target.urls[service]}{path}"
        try:
            answer = await self.client.request(method, url, auth=self.auth, **arguments)
        except httpx.TransportError:
            raise RefusedError(503, UNREACHABLE) from None
        if answer.is_success:
            return answer.json() if answer.content else None
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        kind = str(problem.get("type", "")).rpartition(":")[2]
        raise RefusedError(answer.status_code, SENTENCES.get(kind, OTHERWISE), str(problem.get("detail", "")))
