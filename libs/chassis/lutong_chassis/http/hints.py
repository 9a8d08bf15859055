"""What a publisher may do about an event that was rejected, by the code of its result."""

from typing import Final

HINTS: Final = {
    "conflict": "if it is another event, give it an id of its own; if it is a correction, publish that as an event",
    "bad_bytes": "send one JSON object per event, with the event itself under `data`",
    "bad_header": "give every event `specversion` (1.0), `id`, `source` and `type`, as strings; `time` is 2026-01-31T08:00:00+08:00",
    "unreadable": "it holds something that the service cannot process: report it to its operators",
    "unknown_type": "docs/flow.md lists the types; a newer one needs a newer version of Lutong",
    "invalid": "compare with the schema of its type in libs/contracts; lutong-client checks before it sends",
    "too_large": "carry an id instead of the content",
    "not_found": "create what it names first, or publish with a token that may act for it",
    "wrong_key": "leave `partitionkey` out: the event itself has it",
}

HINTS_AT: Final = {"/time": "write it as RFC 3339 has it, such as 2026-01-31T08:00:00+08:00, or leave it out"}


def hint(code: str, pointer: str | None) -> str | None:
    """What to do about a rejection, if anything helps."""
    return HINTS_AT.get(pointer or "") or HINTS.get(code)
