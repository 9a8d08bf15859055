"""Which reports are believed. Pure: no clock, no database, no ids made here."""

from collections.abc import Sequence
from typing import Final, NamedTuple, get_args

from lutong_contracts.feed import ReportedKind
from lutong_feed.domain import Refusal
from lutong_feed.touches.domain import Check

_REPORTED: Final = frozenset(get_args(ReportedKind))

NOT_REPORTED: Final = Refusal(
    "not_reported",
    f"a client reports {', '.join(sorted(_REPORTED))}: taps count by themselves, where the card is tapped",
)


class Report(NamedTuple):
    """An interaction as a client reports it: any text for a touch."""

    touch: str
    kind: str


class Refused(NamedTuple):
    """A report that is not believed, by its place in the batch, from 0."""

    place: int
    refusal: Refusal


class ReportInteractions(NamedTuple):
    """What a viewer's client reports: what is believed, and what is refused."""

    viewer_id: str
    believed: tuple[Report, ...]
    refused: tuple[Refused, ...]


def sifted(viewer_id: str, reports: Sequence[Report], check: Check) -> ReportInteractions:
    """Reports of what was served to this viewer, each once, and why the others are refused."""
    believed: dict[tuple[str, int, str], Report] = {}
    refused: list[Refused] = []
    for place, report in enumerate(reports):
        verdict = check.verified(report.touch, viewer_id) if report.kind in _REPORTED else NOT_REPORTED
        if isinstance(verdict, Refusal):
            refused.append(Refused(place, verdict))
        else:
            believed.setdefault((verdict.request_id, verdict.position, report.kind), report)
    return ReportInteractions(viewer_id, tuple(believed.values()), tuple(refused))
