"""A funnel as SVG: a bar for each stage, on a scale of powers of ten, readable in light and dark and by screen readers."""

from collections.abc import Iterator, Mapping
from html import escape
from math import log10
from typing import Any, Final

STAGES: Final[Mapping[str, str]] = {
    "impressions": "impressions 曝光",
    "opens": "opens 打开",
    "taps": "taps 点击",
    "requests": "requests 下单",
    "held": "held 授信",
    "sourced": "sourced 派单",
    "fulfilled": "fulfilled 完成",
    "settled": "settled 结清",
}
_WIDTH: Final = 720
_LEFT: Final = 170
_BAR: Final = 400
_TOP: Final = 60
_ROW: Final = 36
_STYLE: Final = (
    "text{font:14px system-ui,'Noto Sans CJK SC',sans-serif;fill:#1f2328}.small{font-size:12px;fill:#57606a}"
    ".head{font-size:16px;font-weight:600}.bar{fill:#c2410c}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9aa4b2}.bar{fill:#ffa36b}}"
)


def drawn(document: Mapping[str, Any]) -> str:
    """The picture of what `lutong funnel` prints: the post with all reposts below it."""
    tree = document["tree"]
    title = f"{document['post_id']}: from impressions to settlement"
    height = _TOP + _ROW * len(STAGES) + 24
    words = "; ".join(f"{name}: {tree[stage]:,}" for stage, name in STAGES.items())
    longest = max(1.0, *(_length(tree[stage]) for stage in STAGES))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(words)}</desc><style>{_STYLE}</style>'
        f'<text class="head" x="16" y="28">{escape(title)}</text>'
        f"{''.join(_bars(tree, longest))}"
        f'<text class="small" x="16" y="{height - 8}">fulfilled and settled are net of {tree["reversed"]:,} reversed orders; '
        "bars grow by powers of ten</text></svg>\n"
    )


def _length(count: int) -> float:
    return log10(count + 1)


def _bars(tree: Mapping[str, int], longest: float) -> Iterator[str]:
    before: int | None = None
    for index, (stage, name) in enumerate(STAGES.items()):
        y, count = _TOP + _ROW * index, tree[stage]
        width = round(_BAR * _length(count) / longest, 1)
        share = f" · {100 * count / before:.1f} %" if before else ""
        yield f'<text x="16" y="{y + 18}">{escape(name)}</text>'
        yield f'<rect class="bar" x="{_LEFT}" y="{y + 3}" width="{width}" height="20" rx="3"/>'
        yield f'<text x="{_LEFT + width + 8:g}" y="{y + 18}">{count:,}{share}</text>'
        before = count
