"""Why a member was assessed as they were: stable codes, and the sentences that members read. Never a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason, as members read it."""

    reason: str
    zh: str
    en: str


REASONS: Final[Mapping[str, Explanation]] = MappingProxyType(
    {
        explanation.reason: explanation
        for explanation in (
            Explanation("paid_late", "近六个月有账单未按时还款。", "You paid late in some of the last six months."),
            Explanation("long_delay", "近六个月有一笔还款拖延较久。", "One payment came long after it was due."),
            Explanation("late_now", "目前有账单逾期未还。", "A payment is overdue now."),
            Explanation("unpaid_bills", "近六个月有账单完全没有还款。", "Towards some recent bills you paid nothing."),
            Explanation("high_utilisation", "已用信用额度占比较高。", "You use much of the credit that you have."),
            Explanation("small_declared_limit", "已有的信用额度较低。", "The credit that you have elsewhere is small."),
            Explanation("small_repayments", "近六个月的还款金额较少。", "You repaid little in the last six months."),
            Explanation(
                "declined_by_provider",
                "合作的信用服务机构未予通过，可向该机构查询。",
                "The credit service that we asked did not approve; it can explain more.",
            ),
            Explanation(
                "assessment_unavailable",
                "暂时无法评估，不影响您的信用，请稍后再试。",
                "We could not assess you just now. It counts for nothing: please try again.",
            ),
        )
    }
)
