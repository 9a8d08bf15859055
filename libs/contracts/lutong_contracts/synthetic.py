"""Synthetic journeys: what a probe does every minute, as any reader and any merchant would, and no figure of the business counts."""

from typing import Final

PROBE: Final = "lutong-probe"
"""The one reserved id: of the probe's account, member, merchant, program, plan, location and SKU. It is a constant, so SQL may contain it.

Everything handles it as anything else: events, money, stock and the verifier. Figures that add up over merchants leave the
program of this id out, and so do the search and the placements that choose programs by themselves. What is asked for by the id is given.
"""

OF_PEOPLE: Final = f"program_id <> '{PROBE}'"
"""Whether a row's `program_id` is used by people; SQL."""
