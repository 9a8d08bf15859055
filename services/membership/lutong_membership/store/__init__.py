"""Every SQL statement of membership: sets of keys in, sets of rows out. Rows are locked in key order."""

from lutong_membership.store.books import (
    active_agreements,
    end_holds,
    leave_tombstones,
    lock_applicants,
    open_books,
    open_plans,
    save_decisions,
)
from lutong_membership.store.ledger import (
    ledger_of,
    summary,
    write_entries,
)
from lutong_membership.store.lines import (
    OverLimitError,
    lock_lines,
    move_lines,
    open_lines,
    read_lines,
    save_limit,
)
from lutong_membership.store.members import (
    agreements_of,
    hold,
    plan,
    save_applicants,
    save_plan,
)

__all__ = [
    "OverLimitError",
    "active_agreements",
    "agreements_of",
    "end_holds",
    "hold",
    "leave_tombstones",
    "ledger_of",
    "lock_applicants",
    "lock_lines",
    "move_lines",
    "open_books",
    "open_lines",
    "open_plans",
    "plan",
    "read_lines",
    "save_applicants",
    "save_decisions",
    "save_limit",
    "save_plan",
    "summary",
    "write_entries",
]
