"""State machines drawn from the tables in the code, as text that reads well anywhere: in a terminal, on a web page.

A page keeps a place for each: `lutong schema generate` fills what is between its two marks.
"""

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

Life = Mapping[str, Sequence[str]]

MACHINES: Final = {
    "agreement": "lutong_membership.domain.agreements:LIFE",
    "hold": "lutong_membership.domain.holds:HOLD_LIFE",
    "deduction": "lutong_membership.domain.deductions:DEDUCTION_LIFE",
    "repayment": "lutong_membership.domain.payments:REPAYMENT_LIFE",
    "coupon": "lutong_membership.domain.coupons:COUPON_LIFE",
}
"""Where the tables are. Services are loaded by name at run time: the command line does not depend on them."""

_PLACE: Final = re.compile(r"(<!-- machine: (\w+) -->\n).*?(<!-- end of machine -->)", re.DOTALL)


def drawn(page: str) -> str:
    """A page with its machines drawn anew."""
    return _PLACE.sub(lambda found: f"{found[1]}```text\n{draw(life(found[2]))}\n```\n{found[3]}", page)


def life(name: str) -> Life:
    """The table of a machine: what may follow each state."""
    module, _, table = MACHINES[name].partition(":")
    found: Life = getattr(importlib.import_module(module), table)
    return found


def draw(table: Life) -> str:
    """One line per arrow, states in the order of the table; the first is where it begins."""
    width = max(len(state) for state in table)
    lines = []
    for number, (state, following) in enumerate(table.items()):
        mark = "●" if number == 0 else " "
        if not following:
            lines.append(f"{mark} {state.ljust(width)} ■")
        for place, target in enumerate(following):
            first, last = place == 0, place == len(following) - 1
            fork = ("───" if last else "─┬─") if first else (" └─" if last else " ├─")
            name = state.ljust(width) if first else " " * width
            lines.append(f"{mark if first else ' '} {name} {fork}▶ {target}")
    return "\n".join(lines)
