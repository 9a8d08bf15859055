"""Rankings, active users and cohorts as tables for people."""

from typing import Any

from lutong_console.cli.screen import Rows, table

Document = dict[str, Any]


def ranking(found: Document) -> Rows:
    """Programs or categories, the first first."""
    rows = [
        (
            each["rank"],
            each["name"],
            each["title"],
            each["category"] or "",
            each["users"],
            each["opened"],
            _factor(each["growth"]),
        )
        for each in found["ranked"]
    ]
    return table(["#", "name 名称", "title 标题", "category 类目", "users 用户", "opened 打开", "growth 增长"], rows)


def active(found: Document) -> Rows:
    """Both months, each with its first day."""
    rows = [
        ("calendar month 自然月", found["month_since"], found["calendar_month"]),
        ("trailing 30 days 近三十天", found["trailing_since"], found["trailing_30d"]),
    ]
    return table(["MAU 月活", "since 起始", "users 用户"], rows)


def retention(found: Document) -> Rows:
    """Cohorts by day, then all of them."""
    total = [found["total"] | {"day": "all 合计"}] if found["total"] else []
    rows = [
        (each["day"], each["users"], each["d7"], _share(each["d7_share"]), each["returned"])
        for each in [*found["cohorts"], *total]
    ]
    return table(["new on 新增日", "users 用户", "D7 第七日", "share 留存率", "from then on 其后"], rows)


def _factor(growth: float | None) -> str:
    return f"x{growth:.2f}" if growth is not None else "-"


def _share(share: float | None) -> str:
    return f"{share:.1%}" if share is not None else "-"
