"""What members owe and what was booked for them, in words: in English and in Chinese. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from lutong_membership.ledger.domain.entries import DebtKind, EntryKind


class Name(NamedTuple):
    """What something is called."""

    en: str
    zh: str


_DEBTS: Final[Mapping[DebtKind, Name]] = {
    "order": Name("goods", "商品货款"),
    "uncovered": Name("goods that came after their credit had expired", "额度失效后送达的商品货款"),
    "charge": Name("benefits to give back: the plan was not fulfilled", "未完成约定，退还已享优惠"),
}
_FEE: Final = Name("fee for an order that was not picked up", "逾期未取货的费用")

ENTRIES: Final[Mapping[EntryKind, Name]] = {
    "line_opened": Name("credit line opened", "开通额度"),
    "line_changed": Name("credit line changed", "调整额度"),
    "hold": Name("credit set aside for an order", "订单预留额度"),
    "release": Name("credit given back: the order ended", "订单结束，退回额度"),
    "expiry": Name("credit given back: the order took too long", "订单超时，退回额度"),
    "capture": Name("goods that came", "商品已送达，记入应付"),
    "late_capture": Name("goods that came late", "商品迟到送达，记入应付"),
    "uncovered_capture": Name("goods that came late, beyond the line", "商品迟到送达，超出额度"),
    "no_show_fee": _FEE,
    "repayment": Name("payment", "还款"),
    "overpayment": Name("payment beyond what was owed", "多付的还款"),
    "deduction": Name("direct debit", "自动扣款"),
    "refund": Name("goods that went back: less is owed", "退货，减少应付"),
    "refund_owed": Name("goods that went back: owed to the member", "退货，应退会员"),
    "refund_forgiven": Name("goods that went back: nothing had been paid for them", "退货，原款未付"),
    "offset": Name("paid with what was owed to the member", "以应退款抵扣"),
    "payout": Name("paid out to the member", "向会员付款"),
    "benefit_accrued": Name("benefit enjoyed", "享受优惠"),
    "benefit_reversed": Name("benefit taken back", "撤回优惠"),
    "benefit_forgiven": Name("benefit kept", "优惠归会员所有"),
    "charge": Name("benefits to give back", "应退还的优惠"),
    "charge_credited": Name("less to give back", "减少应退优惠"),
    "charge_owed": Name("given back too much: owed to the member", "多退的优惠，应还会员"),
    "charge_forgiven": Name("given back too much: nothing had been paid of it", "多退的优惠，原款未付"),
    "waiver": Name("waived", "减免"),
    "write_off": Name("written off", "核销"),
}


def debt_name(debt_id: str, kind: DebtKind) -> Name:
    """What a debt is for.

    >>> debt_name("fee:o-7", "order").en
    'fee for an order that was not picked up'
    """
    return _FEE if debt_id.startswith("fee:") else _DEBTS[kind]
