"""Reads of accounts: V33 what is counted by the month is what the facts add up to."""

from collections.abc import Iterator

from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World


def reads_are_rebuilt(world: World) -> Iterator[Violation]:
    """V33: how often an account was read in a month of Asia/Shanghai is the number of impressions of its posts, kept or added up."""
    months = world.by(
        "account_id, month",
        counted="SELECT * FROM feed.account_reads ORDER BY account_id, month",
        seen="SELECT * FROM feed.account_seen ORDER BY account_id, month",
    )
    for (account_id, month), of in months:
        counted, seen = of.one("counted"), of.one("seen")
        reads, times = counted["reads"] if counted else 0, seen["n"] if seen else 0
        if reads != times:
            yield Violation(
                "V33", f"{reads} reads are counted in {month[:7]}, and {times} were reported", f"account {account_id}"
            )
