"""A bar chart as SVG: readable in light and dark, by people and by screen readers."""

from html import escape
from typing import Final

_ROW: Final = 44
_LEFT: Final = 220
_WIDTH: Final = 860
_STYLE: Final = (
    "text{font:14px system-ui,sans-serif;fill:#1f2328}.bar{fill:#9aa4b2}.first{fill:#1677ff}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#57606a}}"
)


def bars(rates: dict[str, float]) -> str:
    """Orders per second by name, the first one highlighted."""
    longest = max(rates.values())
    height = _ROW * len(rates) + 40
    rows = []
    for index, (name, rate) in enumerate(rates.items()):
        y = 30 + _ROW * index
        width = max(2, round((_WIDTH - _LEFT - 110) * rate / longest))
        rows += [
            f'<text x="{_LEFT - 12}" y="{y + 19}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="bar{"" if index else " first"}" x="{_LEFT}" y="{y}" width="{width}" height="28" rx="4"/>',
            f'<text x="{_LEFT + width + 8}" y="{y + 19}">{rate:,.0f}</text>',
        ]
    label = ", ".join(f"{name}: {rate:,.0f}" for name, rate in rates.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"<title>Orders per second through three hops</title><style>{_STYLE}</style>"
        f'<text x="{_LEFT}" y="18">orders per second through three hops (one run, two cores)</text>{"".join(rows)}</svg>\n'
    )
