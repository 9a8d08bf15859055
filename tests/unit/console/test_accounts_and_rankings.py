"""`lutong pushes`, `traffic`, `promotions` and `rankings` as operators see them: tables in two languages, and the document as it is."""

import json
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner

from lutong_console.cli.accounts import promotions, pushes, traffic
from lutong_console.cli.rankings import command as rankings
from tests.support.one_answer import answering

POLICY: Final = {"policy_id": 1, "effective_from": "2026-12-02T00:00:00Z", "kind": "calendar_week", "quota": 3}
QUOTA: Final = {"policy": POLICY, "used": 1, "remaining": 2, "resets_at": "2026-12-06T16:00:00Z"}
PUSH: Final = {"push_id": "p-1", "title": "面膜", "program_id": "watsons", "state": "partial", "send_at": None, "delivered": 500,
               "reason": "program_suspended"}  # fmt: skip
RANKED: Final = {"rank": 1, "name": "tea", "title": "茶", "category": None, "users": 40, "opened": 50, "growth": 2.0}
COHORT: Final = {"day": "2026-11-09", "users": 10, "d7": 4, "d7_share": 0.4, "returned": 6}
ACTIVE: Final = {
    "month_since": "2026-11-01",
    "calendar_month": 900,
    "trailing_since": "2026-10-31",
    "trailing_30d": 950,
}
BALANCE: Final = dict.fromkeys(("granted", "spent", "expired", "reversed", "available", "held", "debt"), 7)
DAY: Final = {"day": "2026-11-29", "source_id": "qr-1", "outcome": "looped", "visitors": 3, "pv": 0}
FORECAST: Final = {"granted_per_day": 10.0, "spent_per_day": 20.0, "lasts_days": 4.5, "expiring": []}
TRAFFIC: Final = {"balance": BALANCE, "days": [DAY], "forecast": FORECAST}
ENTRY: Final = {"entry_id": 1, "at": "2026-11-29T00:00:00Z", "kind": "grant", "debit": "granted", "credit": "available", "pv": 300,
                "reference": "day:2026-11-29"}  # fmt: skip
RULE: Final = {"effective_from": "1970-01-01", "pv_per_uv": 300, "valid_days": 30, "dwell_s_min": 3, "sources_max": 3}

PROMOTION: Final = {"promotion_id": "winter", "program_id": "tea", "placement": "home", "state": "open", "pv": 3000, "used": 1250,
                    "ends_at": "2026-12-24T12:00:00Z"}  # fmt: skip

CASES: Final[list[tuple[typer.Typer, str, Any, str, tuple[str, ...]]]] = [
    (pushes.commands, "policies", [POLICY], "/v1/push-policies", ("calendar_week", "quota 配额")),
    (pushes.commands, "set-policy 3 --from 2026-12-02T00:00:00Z --reason x", POLICY, "/v1/push-policies", ("3 per",)),
    (pushes.commands, "quota acme", QUOTA, "/v1/life-accounts/acme/push-quota", ("remaining 剩余", "3 per calendar_week")),
    (pushes.commands, "list acme", [PUSH], "/v1/life-accounts/acme/pushes", ("面膜", "partial", "program_suspended")),
    (traffic.commands, "show tea", TRAFFIC, "/v1/programs/tea/traffic", ("available 可用", "looped", "4.5 days")),
    (traffic.commands, "entries tea", [ENTRY], "/v1/programs/tea/traffic/entries?after=0", ("grant", "day:2026-11-29")),
    (traffic.commands, "rules", [RULE], "/v1/traffic-rules", ("300", "valid days 有效天数")),
    (promotions.commands, "list tea", [PROMOTION], "/v1/programs/tea/promotions", ("spent 已消耗", "1750")),
    (promotions.commands, "begin winter tea home --page-views 3000 --until 2026-12-24T20:00+08:00 --reason x", PROMOTION,
     "/v1/promotions/winter", ("winter", "left 剩余")),
    (promotions.commands, "end winter --reason x", PROMOTION, "/v1/promotions/winter/end", ("winter",)),
    (rankings.commands, "programs", {"ranked": [RANKED]}, "/v1/rankings?by=hottest&days=7", ("茶", "x2.00")),
    (rankings.commands, "categories", {"ranked": [RANKED]}, "/v1/rankings/categories?days=28", ("growth 增长",)),
    (rankings.commands, "active", ACTIVE, "/v1/metrics/active", ("calendar month 自然月", "950")),
    (rankings.commands, "retention", {"cohorts": [COHORT], "total": COHORT}, "/v1/metrics/retention?days=28",
     ("40.0%", "all 合计")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("app", "line", "document", "path", "words"), CASES, ids=[case[1].split()[0] for case in CASES]
)
def test_each_command_shows_what_the_registry_answers(
    app: typer.Typer, line: str, document: Any, path: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch  # noqa: ANN401  # JSON
) -> None:  # fmt: skip
    with answering(document, monkeypatch) as registry:
        done = CliRunner().invoke(app, line.split())
        assert done.exit_code == 0, done.output
        assert all(word in done.output for word in words), done.output
        again = CliRunner().invoke(app, [*line.split(), "--json"])
        assert json.loads(again.output) == document
        assert set(registry.asked) == {path}
