"""docs/scorecard.md: what is judged, how well it foretells, whom it favours. Aggregates only."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from lutong_membership.providers.credit.scorecard import Characteristic
from tools.scorecard import measures
from tools.scorecard.data import FILE
from tools.scorecard.evaluate import Evaluation, Group
from tools.scorecard.fit import Fitted, Judged
from tools.scorecard.measures import Estimate
from tools.scorecard.write import ATTRIBUTION

GROUP_LEAST: Final = 200


def report(fitted: Fitted, evaluation: Evaluation) -> str:
    """The document's text."""
    parts = (
        _opening(evaluation),
        _ordering(evaluation),
        _judged(fitted),
        _left_out(fitted),
        _calibration(evaluation),
        _cut_offs(evaluation),
        _fairness(evaluation),
        _limits_of_the_data(),
    )
    return "\n".join(line for part in parts for line in (*part, "")).rstrip() + "\n"


def _opening(evaluation: Evaluation) -> Iterator[str]:
    yield "# The in-house scorecard"
    yield ""
    yield "Written by `make scorecard`; do not edit. The scorecard itself is"
    yield "[`scorecard-2.toml`](../services/membership/lutong_membership/providers/credit/scorecard-2.toml), the fit is in"
    yield "[`tools/scorecard`](../tools/scorecard)."
    yield ""
    yield f"Data: `{FILE}`, {evaluation.trained + evaluation.held_out:,} card clients, of whom"
    yield f"{evaluation.default_share:.1%} did not pay in the following month."
    yield f"Source: {ATTRIBUTION}."
    yield ""
    yield f"The fit saw {evaluation.trained:,} of them. Every number below is of the other {evaluation.held_out:,},"
    yield "unless it states otherwise, and of the whole points that the service gives."


def _ordering(evaluation: Evaluation) -> Iterator[str]:
    yield "## How well it orders"
    yield ""
    yield from _table(
        ("measure", "value", "95 % interval"),
        [
            ("AUC", f"{evaluation.auc.value:.4f}", _interval(evaluation.auc, ".4f")),
            (
                "AUC when only what is always known is known",
                f"{evaluation.auc_always_known.value:.4f}",
                _interval(evaluation.auc_always_known, ".4f"),
            ),
            (
                f"AUC of the best single feature (`{evaluation.best_single}`)",
                f"{evaluation.auc_best_single.value:.4f}",
                _interval(evaluation.auc_best_single, ".4f"),
            ),
            ("gain over that feature, on the same people", f"{evaluation.gain.value:.4f}", _interval(evaluation.gain, ".4f")),
            ("Gini", f"{2 * evaluation.auc.value - 1:.4f}", ""),
            ("KS", f"{evaluation.ks:.4f}", ""),
            ("AUC on the people that the fit saw", f"{evaluation.auc_trained:.4f}", ""),
            ("PSI, fit against held out (0.1 would be worth a look)", f"{evaluation.psi:.4f}", ""),
        ],
    )  # fmt: skip
    yield ""
    yield "Intervals are DeLong's. The single feature is the best of all columns that may be judged, the worst of the"
    yield "payment states, and each fact that the scorecard uses, chosen on the held-out people: that favours it."


def _judged(fitted: Fitted) -> Iterator[str]:
    yield "## What it judges"
    yield ""
    yield "There are two tables, one for members who were late in the last six months and one for those who were not."
    yield "Weight of evidence is the logarithm of how the odds of repaying differ in a bin, against the table's average; for"
    yield "what is known of some members only, beyond what is judged already, so that a fact that is not known moves nothing."
    yield "Who was late gets the smaller of both sums: being late must never pay."
    for part in fitted.parts.values():
        yield ""
        yield f"### {part.plan.title[0].upper()}{part.plan.title[1:]}: start with {part.table.start_points} points"
        for each, judged in zip(part.table.characteristics, part.judged, strict=True):
            yield ""
            yield from _characteristic(each, judged)


def _characteristic(each: Characteristic, judged: Judged) -> Iterator[str]:
    yield (
        f"**{each.name}** (reason `{each.reason}`; information value {judged.information_value:.2f}, "
        f"coefficient {judged.coefficient:.2f} ± {judged.error:.2f})"
    )
    yield ""
    yield from _table(
        ("bin", "applicants of the fit", "defaulted", "weight of evidence", "points"),
        [
            (
                bin_.label, f"{cell.size:,}", f"{1 - cell.repaid / cell.size:.1%}",
                f"{bin_.woe:+.2f}", f"{bin_.points:+d}",
            )
            for bin_, cell in zip(each.bins, judged.binned.cells, strict=True)
        ],
    )  # fmt: skip


def _left_out(fitted: Fitted) -> Iterator[str]:
    yield "## What it does not judge"
    yield ""
    yield "- **Sex, age, marriage**: protected. They are used on this page only, to see whom the scorecard favours."
    yield "- **Education**: it shows where a person comes from more than how they pay, some of its codes are not"
    yield "  documented, and a member who learns it can do nothing about it. The service does not know it either."
    yield "- **Months known**: the service knows it, but nothing in the data shows what it is worth."
    for part in fitted.parts.values():
        for name, why in part.left_out:
            yield f"- `{name}` of those {part.plan.title}: tried; {why}."


def _calibration(evaluation: Evaluation) -> Iterator[str]:
    total = sum(band.people for band in evaluation.bands)
    gap = sum(band.people * abs(band.foretold - band.observed.value) for band in evaluation.bands) / total
    inside = sum(band.observed.low <= band.foretold <= band.observed.high for band in evaluation.bands)
    yield "## Does it foretell what happens?"
    yield ""
    yield f"By tenths of the held-out people. On average what is foretold is off by {gap:.1%} of a band; in {inside} of"
    yield f"{len(evaluation.bands)} bands it lies inside the interval of what was observed."
    yield ""
    yield from _table(
        ("points", "people", "foretold to default", "defaulted", "95 % interval"),
        [
            (
                f"{band.lowest} to {band.highest}", f"{band.people:,}", f"{band.foretold:.1%}",
                f"{band.observed.value:.1%}", _interval(band.observed, ".1%"),
            )
            for band in evaluation.bands
        ],
    )  # fmt: skip


def _cut_offs(evaluation: Evaluation) -> Iterator[str]:
    yield "## What the limits mean"
    yield ""
    yield from _table(
        ("points from", "limit (minor units)", "of everybody", "defaulted among them", "of those who repay"),
        [
            (f"{points}", f"{limit:,}", f"{g.approved.value:.1%}", f"{g.defaulted.value:.1%}", f"{g.opportunity.value:.1%}")
            for points, limit, g in evaluation.cut_offs
        ],
    )  # fmt: skip


def _fairness(evaluation: Evaluation) -> Iterator[str]:
    points = evaluation.cut_offs[-1].points
    yield "## Which groups it favours"
    yield ""
    yield f"At {points} points, the fewest that admit. Equal opportunity compares the last column: of those who repay, how"
    yield f"many are admitted? Groups of fewer than {GROUP_LEAST} people are shown and not compared."
    yield ""
    yield from _table(
        ("group", "people", "admitted", "defaulted among them", "admitted of those who repay", "95 % interval"),
        [
            (
                f"{group.kind}: {group.name}", f"{group.people:,}", f"{group.approved.value:.1%}",
                f"{group.defaulted.value:.1%}", f"{group.opportunity.value:.1%}", _interval(group.opportunity, ".1%"),
            )
            for group in evaluation.groups
        ],
    )  # fmt: skip
    yield ""
    for kind, members in groupby(evaluation.groups, key=lambda group: group.kind):
        yield f"- {_difference(kind, list(members))}"


def _difference(kind: str, groups: Sequence[Group]) -> str:
    """The largest difference of one kind, as a sentence."""
    compared = [group for group in groups if group.people >= GROUP_LEAST]
    most = max(compared, key=lambda group: group.opportunity.value)
    least = min(compared, key=lambda group: group.opportunity.value)
    rates = [group.approved.value for group in compared]
    gap = measures.difference(most.opportunity, least.opportunity)
    return (
        f"**{kind}**: equal-opportunity difference {gap.value:.1%} ({_interval(gap, '.1%')}; {most.name} against "
        f"{least.name}). The lowest admission rate is {min(rates) / max(rates):.2f} of the highest; below 0.80 would be "
        "an alarm."
    )


def _limits_of_the_data() -> Iterator[str]:
    yield "## Limits of the data"
    yield ""
    yield "- One bank's card clients, Taiwan, April to September 2005, in a credit crisis: a default rate of a fifth within"
    yield "  one month is not what a light membership would see. The order carries over better than the probabilities."
    yield "- They had been given a card: people who were refused one are not in the data."
    yield "- Amounts are New Taiwan dollars, taken as a quarter of a yuan each."
    yield "- The split is at random, not by time: drift cannot be seen here."
    yield "- Groups are what the bank wrote down. A difference between groups on this page is a reason to look, and an"
    yield "  absence of one is no proof; membership should watch the same table on its own members."
    yield "- Refit it on members' own outcomes before it decides about real money. The limits are policy."


def _interval(estimate: Estimate, style: str) -> str:
    return f"{estimate.low:{style}} to {estimate.high:{style}}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'|'.join('---' for _ in headings)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
