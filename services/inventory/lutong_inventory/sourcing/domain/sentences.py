"""A decision in words, for the reader who asks why: in English and in Chinese. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lutong_inventory.sourcing.domain.values import Considered


class Why(NamedTuple):
    """A sentence in two languages."""

    en: str
    zh: str


_NOBODY: Final[Mapping[str, Why]] = {
    "no_location": Why("the merchant has no location that serves in this mode", "商家没有支持该方式的门店"),
    "out_of_reach": Why("no location reaches this place", "没有门店能服务到该地点"),
    "closed": Why("every location that reaches this place is closed now", "能服务到该地点的门店现在都已打烊"),
    "at_capacity": Why("every open location has as many orders as it takes today", "营业中的门店今日接单量都已满"),
    "out_of_stock": Why("no open location has the whole order", "营业中的门店都没有整单库存"),
    "unknown_mode": Why("this version does not know the mode of the order", "当前版本不支持该履约方式"),
    "declined_often": Why("too many locations declined the order", "拒单门店过多，不再改派"),
}
_PASSED: Final[Mapping[str, Why]] = {
    "out_of_reach": Why("{n} did not reach the place", "{n} 家超出服务范围"),
    "at_capacity": Why("{n} had as many orders as they take", "{n} 家今日已满单"),
    "out_of_stock": Why("{n} had not the whole order", "{n} 家库存不足"),
}


def why(considered: Sequence[Considered], reason: str | None) -> Why:
    """Why a location was chosen, or nobody.

    >>> why([Considered("store-1", "store", 420, 3, "chosen")], None).en
    'store-1 was chosen: the nearest store that has the whole order, 420 m away'
    """
    if parts := [each for each in considered if each.verdict == "part"]:
        return _in_parts(parts)
    chosen = next((each for each in considered if each.verdict in {"chosen", "booked"}), None)
    if chosen is None:
        return _NOBODY.get(reason or "out_of_stock", _NOBODY["out_of_stock"])
    if chosen.verdict == "booked":
        return Why(
            f"{chosen.location_id} was chosen: the member booked its slot of delivery, {chosen.distance_m} m away",
            f"选择 {chosen.location_id}：用户预约了该门店的配送时段，距离 {chosen.distance_m} 米",
        )
    passed = _nearer(considered, chosen)
    if chosen.kind == "flagship":
        found = Why(
            f"{chosen.location_id} was chosen: no store can serve the whole order, and the flagship can",
            f"选择 {chosen.location_id}：没有门店能满足整单，由旗舰店发货",
        )
    else:
        found = Why(
            f"{chosen.location_id} was chosen: the nearest store that has the whole order, {chosen.distance_m} m away",
            f"选择 {chosen.location_id}：最近且整单有货的门店，距离 {chosen.distance_m} 米",
        )
    if not passed:
        return found
    return Why(
        f"{found.en}; of those before it {', '.join(each.en for each in passed)}",
        f"{found.zh}；在它之前{'，'.join(each.zh for each in passed)}",
    )


def _in_parts(parts: Sequence[Considered]) -> Why:
    """Why several locations serve an order."""
    en = ", ".join(f"{each.location_id} ({each.distance_m} m away)" for each in parts)
    zh = "、".join(f"{each.location_id}（{each.distance_m} 米）" for each in parts)
    return Why(
        f"no location has the whole order, and its merchant lets it be split: {en} serve a part each",
        f"没有门店能满足整单，商家允许拆单：由 {zh} 各发一部分",
    )


def _nearer(considered: Sequence[Considered], chosen: Considered) -> list[Why]:
    """What spoke against those that would have come first."""
    found, before = [], considered[: considered.index(chosen)]
    for verdict, sentence in _PASSED.items():
        n = sum(each.verdict == verdict for each in before)
        if n:
            found.append(Why(sentence.en.format(n=n), sentence.zh.format(n=n)))
    return found
