"""What a card states of its goods, in both languages. Pure."""

from typing import Final, NamedTuple

from lutong_feed.live.domain import Live


class Sentence(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str


_BANDS: Final = {
    "in_stock": Sentence("in stock", "有货"),
    "limited_availability": Sentence("only a few left", "仅剩少量"),
    "out_of_stock": Sentence("sold out", "已售罄"),
}
_REASONS: Final = {
    "out_of_stock": Sentence("Sold out in the stores near you", "附近门店已售罄"),
    "paused": Sentence("The store near you takes no orders just now", "附近门店暂停接单"),
    "closed": Sentence("The store near you is closed", "附近门店已停业"),
    "out_of_reach": Sentence("No store delivers to where you are", "附近没有可送达的门店"),
    "location_not_granted": Sentence("This program may not use where you are", "该小程序未获授权使用您的位置"),
}
_UNKNOWN: Final = Sentence("Stock is not known yet", "库存情况暂时未知")


def stated(live: Live) -> Sentence:
    """What a card states.

    >>> stated(Live("live", "tea", "in_stock", "near", "store", 1200, ("delivery",)))
    Sentence(en='In stock, at a store 1.2 km away', zh='有货，门店距离 1.2 公里')
    """
    if live.state == "unknown":
        return _UNKNOWN
    if live.state == "degraded":
        reason = _REASONS[live.reason or "out_of_stock"]
        if live.fallback == "flagship":
            return Sentence(f"{reason.en}: sent by the flagship", f"{reason.zh}，可由旗舰店发货")
        return Sentence(f"{reason.en}", f"{reason.zh}")
    band = _BANDS.get(live.band or "", Sentence("to be had", "可购买"))
    if live.location_kind != "store":
        return Sentence(f"{_first_upper(band.en)}, sent by the flagship", f"{band.zh}，由旗舰店发货")
    if live.distance_m is None:
        return Sentence(f"{_first_upper(band.en)}, at a store", f"{band.zh}，门店可取可送")
    return Sentence(
        f"{_first_upper(band.en)}, at a store {live.distance_m / 1000:.1f} km away",
        f"{band.zh}，门店距离 {live.distance_m / 1000:.1f} 公里",
    )


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]
