"""Which reports are believed. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection, Sequence
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


class Believed(NamedTuple):
    """A report of what was served, by its place in the batch, and the post that it is about."""

    place: int
    report: Report
    post_id: str


class Refused(NamedTuple):
    """A report that is not believed, by its place in the batch, from 0."""

    place: int
    refusal: Refusal


class ReportInteractions(NamedTuple):
    """What a viewer's client reports: what is believed, and what is refused."""

    viewer_id: str
    believed: tuple[Believed, ...]
    refused: tuple[Refused, ...]


def sifted(viewer_id: str, reports: Sequence[Report], check: Check) -> ReportInteractions:
    """Reports of what was served to this viewer, each once, and why the others are refused."""
    believed: dict[tuple[str, int, str], Believed] = {}
    refused: list[Refused] = []
    for place, report in enumerate(reports):
        verdict = check.verified(report.touch, viewer_id) if report.kind in _REPORTED else NOT_REPORTED
        if isinstance(verdict, Refusal):
            refused.append(Refused(place, verdict))
        else:
            key = (verdict.request_id, verdict.position, report.kind)
            believed.setdefault(key, Believed(place, report, verdict.post_id))
    return ReportInteractions(viewer_id, tuple(believed.values()), tuple(refused))


def standing(reported: ReportInteractions, deleted: Collection[str]) -> ReportInteractions:
    """The same without what is about posts that were deleted meanwhile: these are counted no more."""
    late = [Refused(each.place, _gone(each.post_id)) for each in reported.believed if each.post_id in deleted]
    left = tuple(each for each in reported.believed if each.post_id not in deleted)
    return ReportInteractions(reported.viewer_id, left, tuple(sorted([*reported.refused, *late])))


def _gone(post_id: str) -> Refusal:
    return Refusal("deleted", f"post {post_id!r} was deleted: what is done with it counts no more")
