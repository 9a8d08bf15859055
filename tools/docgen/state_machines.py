"""State machines drawn from the tables in the code, as text that reads well anywhere: in a terminal, on a web page.

A page keeps a place for each: `make generate` fills what is between its two marks.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from lutong_membership.agreements.domain.agreement import LIFE
from lutong_membership.agreements.domain.direct_debit import DEDUCTION_LIFE
from lutong_membership.coupons.domain import COUPON_LIFE
from lutong_membership.holds.domain.holds import HOLD_LIFE
from lutong_membership.repayments.domain import REPAYMENT_LIFE

Life: TypeAlias = Mapping[Any, Sequence[str]]
"""What may follow each state. Keys are literals of each machine's own, which a mapping of strings does not take."""

MACHINES: Final[Mapping[str, Life]] = {
    "agreement": LIFE,
    "hold": HOLD_LIFE,
    "deduction": DEDUCTION_LIFE,
    "repayment": REPAYMENT_LIFE,
    "coupon": COUPON_LIFE,
}

_PLACE: Final = re.compile(r"(<!-- machine: (\w+) -->\n).*?(<!-- end of machine -->)", re.DOTALL)


def drawn(page: str) -> str:
    """A page with its machines drawn anew."""
    return _PLACE.sub(lambda found: f"{found[1]}```text\n{draw(MACHINES[found[2]])}\n```\n{found[3]}", page)


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
