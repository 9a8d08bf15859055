"""Promotions: V26 page views that were spent on places are the impressions of these places, each once."""

from collections.abc import Iterator
from typing import Final

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_UNREPORTED: Final = """
    SELECT place, spent, coalesce(reported, 0) AS reported
      FROM (SELECT allowance.placement || '_paid' AS place, sum(seen.n) AS spent
              FROM feed.slot_impression AS seen
             CROSS JOIN feed.slot_allowance AS allowance ON allowance.spend_id = seen.spend_id
             GROUP BY 1) AS paid
      LEFT JOIN (SELECT placement, sum(times) AS reported FROM feed.interaction_count
                  WHERE kind = 'impression' GROUP BY 1) AS counted ON counted.placement = paid.place
     WHERE spent > coalesce(reported, 0)
"""


def places_are_paid(world: World) -> Iterator[Violation]:
    """V26: what the registry counts as spent on an allowance is what the feed answered, and the feed has as many impressions of it, none
    beyond what was held; an allowance that is closed holds nothing, one that is open is held; and of no place more is spent than
    viewers reported.
    """
    spends = world.by(
        "spend_id",
        spend="SELECT * FROM registry.traffic_spend WHERE promotion_id IS NOT NULL ORDER BY spend_id",
        allowance="SELECT * FROM feed.slot_allowance ORDER BY spend_id",
        seen="SELECT * FROM feed.slot_impression ORDER BY spend_id",
    )
    for spend_id, of in spends:
        for what in _wrong(of):
            yield Violation("V26", what, f"allowance {spend_id}")
    for row in world.select(_UNREPORTED):
        what = f"{row['spent']} page views are spent, and viewers reported {row['reported']} impressions"
        yield Violation("V26", what, f"placement {row['place']}")


def _wrong(of: Group) -> Iterator[str]:
    """What does not agree: the registry's spend, the feed's allowance, and the impressions."""
    spend, allowance, seen = of.one("spend"), of.one("allowance"), of.one("seen")
    times = seen["n"] if seen else 0
    if allowance is not None:
        yield from _counted(allowance, times)
        yield from _held(spend, allowance, times)
    elif times:
        yield f"{times} impressions spent what was never held"
    elif spend and spend["is_recent"]:
        yield "the registry holds or spent it, and the feed does not know it"


def _counted(allowance: Row, times: int) -> Iterator[str]:
    """The feed by itself."""
    if allowance["used"] != times:
        yield f"the feed counts {allowance['used']} as spent, and has {times} impressions"
    if times > allowance["pv"]:
        yield f"{times} impressions are more than the {allowance['pv']} page views that were held"


def _held(spend: Row | None, allowance: Row, times: int) -> Iterator[str]:
    """The feed beside the registry."""
    if spend is None:
        yield "the feed shows it, and the registry holds nothing for it"
        return
    if spend["pv"] != allowance["pv"]:
        yield f"the registry holds {spend['pv']}, and the feed has {allowance['pv']}"
    if (spend["state"] == "reserved") == bool(allowance["is_closed"]):
        state = "closed" if allowance["is_closed"] else "open"
        yield f"it is {spend['state']} at the registry, and {state} at the feed"
    elif allowance["is_closed"] and spend["used"] != times:
        yield f"{spend['used']} page views were spent, and {times} impressions counted"
