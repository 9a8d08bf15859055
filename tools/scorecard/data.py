"""Applicants as the service would know them, from a public set of card clients (Taiwan, 2005).

Nothing of a row is kept but what is judged, what is compared against, and the groups for which
fairness is looked at. Sex, age, marriage and education never become a fact that is judged.
"""

import csv
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lutong_membership.providers.credit.scorecard import facts
from lutong_membership.providers.credit.values import Application

FILE: Final = "pycaret_credit_24000.csv.gz"
MINOR_PER_DOLLAR: Final = 25
"""A New Taiwan dollar was about a quarter of a yuan in 2005."""
HELD_OUT_SHARE: Final = 0.3
SEED: Final = "lutong-1"

_MONTHS: Final = range(1, 7)  # 1 is the latest
_AGES: Final = ((30, "20 to 29"), (40, "30 to 39"), (50, "40 to 49"), (200, "50 and over"))


@dataclass(frozen=True, slots=True)
class Person:
    """One applicant. `facts` are judged, `columns` compared against, `groups` only looked at for fairness."""

    facts: Mapping[str, int | None]
    columns: Mapping[str, float]
    groups: Mapping[str, str]
    repaid: bool
    held_out: bool


def read(folder: Path) -> list[Person]:
    """All applicants of the data folder, in the order of the file."""
    with gzip.open(folder / FILE, "rt", encoding="utf-8-sig", newline="") as lines:
        return [_person(row) for row in csv.DictReader(lines)]


def _person(text: Mapping[str, str]) -> Person:
    row = {name: float(value) for name, value in text.items()}
    delays = [max(0, int(row[f"PAY_{month}"])) for month in _MONTHS]
    paid = [row[f"PAY_AMT{month}"] for month in _MONTHS]
    bills = [max(0.0, row[f"BILL_AMT{month}"]) for month in _MONTHS]
    due = list(zip(paid, bills[1:], strict=False))  # a payment goes towards the bill of the month before
    application = Application(
        application_id="",
        member_id="",
        months_known=0,  # the data does not have how long a client is known: the scorecard cannot judge it
        late_months=sum(delay > 0 for delay in delays),
        worst_delay_months=max(delays),
        utilisation_percent=round(100 * bills[0] / row["LIMIT_BAL"]),
        declared_limit_minor=round(row["LIMIT_BAL"] * MINOR_PER_DOLLAR),
        latest_delay_months=delays[0],
        repaid_monthly_minor=round(sum(paid) / len(paid) * MINOR_PER_DOLLAR),
        unpaid_bills=sum(bill > 0 and not payment for payment, bill in due),
    )
    owed = sum(bill for _, bill in due)
    repaid_share = min(10.0, sum(payment for payment, _ in due) / owed) if owed else None
    return Person(
        # The last fact was tried, and nothing in the service knows it: should it ever help, the service has to learn it.
        facts={**facts(application), "repayment_percent": None if repaid_share is None else round(100 * repaid_share)},
        columns=_comparable(row),
        groups=_groups(row),
        repaid=not int(row["default"]),
        held_out=_is_held_out(text),
    )


def _comparable(row: Mapping[str, float]) -> dict[str, float]:
    """Every column of the file that may be judged at all, and the worst payment status."""
    months = [f"{kind}{month}" for month in _MONTHS for kind in ("PAY_", "BILL_AMT", "PAY_AMT")]
    worst = max(row[f"PAY_{month}"] for month in _MONTHS)
    return {name: row[name] for name in ("LIMIT_BAL", *months)} | {"max(PAY_*)": worst}


def _groups(row: Mapping[str, float]) -> dict[str, str]:
    return {
        "sex": {1: "men", 2: "women"}.get(int(row["SEX"]), "not given"),
        "age": next(name for below, name in _AGES if row["AGE"] < below),
        "marriage": {1: "married", 2: "single"}.get(int(row["MARRIAGE"]), "other or not given"),
    }


def _is_held_out(text: Mapping[str, str]) -> bool:
    """By the row's own content: equal rows are on the same side, whatever their place in the file."""
    digest = hashlib.sha256("\n".join([SEED, *text.values()]).encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT_SHARE * 2**64
