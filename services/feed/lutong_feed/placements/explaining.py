"""Why an item stands where it does, in a sentence. Pure."""

from typing import Final, Literal, NamedTuple

from lutong_feed.placements.domain import WEIGHTS, Offered, Ranked, Signals, Taste

Reason = Literal["less", "unable", "interest", "graph", "heat", "freshness", "newest", "nothing", "paid", "unknown"]

_UNABLE_BELOW: Final = 0.3
_MUCH: Final = 1.5
"""So much a reason of its own must raise an item to be stated rather than that it is new, which most of a feed is."""
_NOTHING: Final = {"interest": 0.1, "graph": 0.4, "heat": 0.1, "freshness": 0.1}
"""Each factor as it is when nothing speaks for an item."""


class Sentence(NamedTuple):
    """The same in both languages, and which factor it is about."""

    reason: Reason
    en: str
    zh: str


NEWEST: Final = Sentence("newest", "Newest first.", "按时间先后，最新的在前。")
PAID: Final = Sentence(
    "paid",
    "Promoted: the merchant pays for this place with traffic that it earned.",
    "推广：商家用自己挣得的流量换来这个位置。",
)
UNKNOWN: Final = Sentence("unknown", "Why is not known just now.", "眼下说不出原因。")


def why(placement: Offered, item: Ranked, signals: Signals, liking: Taste) -> Sentence:
    """The sentence of an item: what holds it down, or else what raises it most in this placement."""
    found = item.factors
    if found.wanted < 1:
        return Sentence(
            "less", "Further down, since you asked for less of this.", "你说过想少看这类内容，所以排得靠后。"
        )
    if found.ability < _UNABLE_BELOW:
        return Sentence("unable", "Further down, since it cannot be had here now.", "眼下这里办不到，所以排得靠后。")
    raised = {name: (getattr(found, name) / low) ** getattr(WEIGHTS[placement], name) for name, low in _NOTHING.items()}
    best = max(raised, key=lambda name: (raised[name] >= _MUCH, name != "freshness", raised[name]))
    return _SENTENCES[best](item, signals, liking) if raised[best] > 1 else _sentence_of_nothing()


def _interest(item: Ranked, _: Signals, liking: Taste) -> Sentence:
    times = liking.uses.get(item.candidate.program_id or "", 0)
    if not times:
        return Sentence("interest", "You opened posts of this author lately.", "你最近看过这位作者的内容。")
    often = "once" if times == 1 else f"{times} times"
    return Sentence("interest", f"You used this {often} lately.", f"你最近用过 {times} 次。")


def _graph(item: Ranked, signals: Signals, _: Taste) -> Sentence:
    author_id = item.candidate.author_id
    if author_id == signals.reader_id:
        return Sentence("graph", "You wrote this.", "这是你发的。")
    if author_id in signals.followed_by:
        return Sentence("graph", "You and the author follow each other.", "你和作者互相关注。")
    return Sentence("graph", "You follow the author.", "你关注了作者。")


def _heat(item: Ranked, signals: Signals, _: Taste) -> Sentence:
    uses = signals.heat.get(item.candidate.program_id or "", 0) or item.candidate.uses
    return Sentence("heat", f"Much used lately: heat {uses}.", f"最近很多人在用：热度 {uses}。")


def _freshness(item: Ranked, signals: Signals, _: Taste) -> Sentence:
    hours = int((signals.as_of - item.candidate.published_at).total_seconds() // 3600)
    if hours < 1:
        return Sentence("freshness", "It is new: of this hour.", "刚发布不到一小时。")
    if hours < 48:
        return Sentence("freshness", f"It is new: {hours} hours old.", f"{hours} 小时前发布，比较新。")
    return Sentence("freshness", f"It is {hours // 24} days old.", f"{hours // 24} 天前发布。")


def _sentence_of_nothing() -> Sentence:
    return Sentence(
        "nothing", "Nothing in particular speaks for it: it is what there is.", "没有特别的理由，眼下只有这些。"
    )


_SENTENCES: Final = {"interest": _interest, "graph": _graph, "heat": _heat, "freshness": _freshness}
