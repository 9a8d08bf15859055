"""What a slot has for a member, in words: in English and in Chinese. Pure."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from lutong_contracts.values import Place
from lutong_inventory.slots.domain.slots import Slot, why_not
from lutong_inventory.sourcing.domain.sentences import Why

_REFUSED: Final = {
    "slot_full": Why("all of its places are taken", "名额已满"),
    "slot_past": Why("it has begun", "该时段已开始"),
    "slot_cut_off": Why("it took orders until {cut_off}", "已于 {cut_off} 截单"),
    "slot_withdrawn": Why("the location does not deliver then after all", "门店已取消该时段"),
    "out_of_area": Why("it is not for this place", "不配送到此地址"),
}


def offered(slot: Slot, destination: Place, now: datetime) -> tuple[str | None, Why]:
    """Why a slot takes no order (None: it does), and a sentence with the times on the clock of the location.

    Where it does: `delivered 15:00-17:00, 3 places left; order by 13:00`.
    """
    refusal = why_not(slot, destination, now)
    kind = refusal.kind if refusal else "slot_full" if slot.left <= 0 else None
    window, zone = slot.window, ZoneInfo(slot.ground.zone)
    start, end = window.starts_at.astimezone(zone), window.ends_at.astimezone(zone)
    at = f"{start:%m-%d %H:%M}-{end:%H:%M}"
    cut_off = f"{slot.cut_off_at.astimezone(zone):%m-%d %H:%M}"
    if kind is None:
        return None, Why(
            f"delivered {at}, {slot.left} places left; order by {cut_off}",
            f"{at} 送达，剩 {slot.left} 个名额；请在 {cut_off} 前下单",
        )
    en, zh = (sentence.format(cut_off=cut_off) for sentence in _REFUSED[kind])
    return kind, Why(f"{at}: {en}", f"{at}：{zh}")
