"""The scorecard as its file: written for people who read it, parsed by the service."""

from collections.abc import Iterator
from datetime import date

from lutong_membership.providers.credit.scorecard import Bin, Scorecard
from tools.scorecard.binning import Cell
from tools.scorecard.data import FILE, HELD_OUT_SHARE, SEED
from tools.scorecard.evaluate import Evaluation
from tools.scorecard.fit import Fitted, Part

ATTRIBUTION = (
    "UCI Machine Learning Repository, default of credit card clients (Yeh & Lien 2009), as carried by PyCaret (MIT)"
)


def scorecard_toml(fitted: Fitted, evaluation: Evaluation, fitted_on: date) -> str:
    """The file's text. The same numbers give the same text."""
    tables = (line for name, part in fitted.parts.items() for line in _table(name, part))
    return "\n".join([*_head(fitted.card, evaluation, fitted_on), *tables]) + "\n"


def _head(card: Scorecard, evaluation: Evaluation, fitted_on: date) -> Iterator[str]:
    scale = card.scale
    yield "# Points for what is known of a member. Written by `make scorecard`: limits are policy, the rest is fitted."
    yield "# What it is worth, and to whom: docs/scorecard.md. Sex, age, marriage and education are not judged."
    yield ""
    yield f'name = "{card.name}"'
    yield f"valid_days = {card.valid_days} # how long an assessment stands"
    yield ""
    yield "[scale] # at base_points, base_odds members repay for one who does not"
    yield f"floor = {scale.floor}"
    yield f"cap = {scale.cap}"
    yield f"base_points = {scale.base_points}"
    yield f"base_odds = {scale.base_odds}"
    yield f"points_to_double_the_odds = {scale.points_to_double_the_odds}"
    yield ""
    yield "[reasons] # shown to the member: what costs the most against the best bin"
    yield f"most = {card.reasons_most}"
    yield f"points_least = {card.reason_points_least}"
    for points, limit in card.limits:
        yield ""
        yield "[[limits]]"
        yield f"points = {points}"
        yield f"limit_minor = {limit:_}"
    yield ""
    yield "[provenance]"
    yield f'data = "{FILE}: {ATTRIBUTION}"'
    yield f"fitted_on = {fitted_on}"
    yield f"applicants = {evaluation.trained}"
    yield f"held_out = {evaluation.held_out} # {HELD_OUT_SHARE:.0%} by content, seed {SEED}"
    yield f"auc_held_out = {evaluation.auc.value:.4f}"
    yield f"gini_held_out = {2 * evaluation.auc.value - 1:.4f}"
    yield f"ks_held_out = {evaluation.ks:.4f}"


def _table(name: str, part: Part) -> Iterator[str]:
    yield ""
    yield f"[{name}] # {part.plan.title}"
    yield f"start_points = {part.table.start_points}"
    for each, judged in zip(part.table.characteristics, part.judged, strict=True):
        yield ""
        yield f"[[{name}.characteristics]]"
        yield f'name = "{each.name}"'
        yield f'reason = "{each.reason}"'
        yield f"coefficient = {each.coefficient}"
        yield "bins = ["
        for bin_, cell in zip(each.bins, judged.binned.cells, strict=True):
            yield f"  {{ {_bin(bin_, cell)} }},"
        yield "]"


def _bin(bin_: Bin, cell: Cell) -> str:
    edge = "" if bin_.below is None else f"below = {bin_.below:_}, "
    people = f"applicants = {cell.size:_}, defaulted_percent = {100 * (1 - cell.repaid / cell.size):.1f}"
    return f'{edge}label = "{bin_.label}", woe = {bin_.woe}, points = {bin_.points}, {people}'
