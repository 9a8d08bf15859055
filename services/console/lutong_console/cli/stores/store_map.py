"""A map as SVG: places that orders came from, the stores that had them, and lines between; readable in light and dark, by people
and screen readers. It needs nothing from elsewhere: no tiles, no fonts, no scripts.
"""

from collections.abc import Iterator, Sequence
from html import escape
from math import cos, log10, radians, sqrt
from typing import Any, Final, NamedTuple

_WIDTH: Final = 960
_HEIGHT: Final = 720
_MARGIN: Final = 60
_TOP: Final = 76
_NAMED: Final = 12
_REJECTS_MUCH: Final = 0.1
_KM_PER_DEGREE: Final = 111.32
_NARROW_PX: Final = 7
_WIDE_PX: Final = 12
_CJK: Final = 0x2E80
_STYLE: Final = (
    "text{font:13px system-ui,'Noto Sans CJK SC',sans-serif;fill:#1f2328}.small{font-size:12px;fill:#57606a}"
    ".head{font-size:16px;font-weight:600}.flow{stroke:#0969da;stroke-opacity:.3;stroke-linecap:round}.place{fill:#6e7781}"
    ".good{fill:#0a7d33}.bad{fill:#b42318;stroke:#b42318;stroke-width:6;stroke-opacity:.3}.flagship{stroke:#1f2328;stroke-width:2}.scale{stroke:#57606a;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9aa4b2}.flow{stroke:#58a6ff}.place{fill:#9aa4b2}"
    ".good{fill:#3fb950}.bad{fill:#ff7b72}.flagship{stroke:#e6edf3}.scale{stroke:#9aa4b2}}"
)


class _Frame(NamedTuple):
    """Which part of the earth is drawn, from where, and how large: pixels per degree of latitude, and how much narrower a degree
    of longitude is there."""

    west: float
    north: float
    left: float
    top: float
    scale: float
    narrow: float

    def at(self, place: dict[str, Any]) -> tuple[float, float]:
        """Where a place is drawn."""
        x = self.left + (place["longitude"] - self.west) * self.narrow * self.scale
        return round(x, 1), round(self.top + (self.north - place["latitude"]) * self.scale, 1)


def drawn(document: dict[str, Any]) -> str:
    """The map of what `lutong stores report` prints."""
    stores, flows = document["stores"], document["flows"]
    title = (
        f"{document['merchant_id']}: orders and stores 订单与门店, {document['since'][:10]} – {document['until'][:10]}"
    )
    parts = [f'<text class="head" x="16" y="28">{escape(title)}</text>', *_legend()]
    if stores:
        frame = _frame([*stores, *flows])
        parts += [*_flows(flows, stores, frame), *_stores(stores, frame), *_scale(frame)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(_in_words(stores, flows))}</desc><style>{_STYLE}</style>'
        f"{''.join(parts)}</svg>\n"
    )


def _in_words(stores: Sequence[dict[str, Any]], flows: Sequence[dict[str, Any]]) -> str:
    """The picture in words."""
    if not stores:
        return "No store was given an order. 没有门店接到订单。"
    orders = sum(flow["orders"] for flow in flows)
    first = "; ".join(
        f"{store['location_id']}: {store['given']} given, {store['fulfilled']} fulfilled" for store in stores[:_NAMED]
    )
    return f"{orders} orders from {len(flows)} places to {len(stores)} stores. {first}."


def _frame(places: Sequence[dict[str, Any]]) -> _Frame:
    latitudes, longitudes = ([place[name] for place in places] for name in ("latitude", "longitude"))
    narrow = max(cos(radians((min(latitudes) + max(latitudes)) / 2)), 0.05)
    high = max(max(latitudes) - min(latitudes), 0.01)
    wide = max((max(longitudes) - min(longitudes)) * narrow, 0.01)
    scale = min((_WIDTH - 2 * _MARGIN) / wide, (_HEIGHT - _TOP - _MARGIN) / high)
    left = (_WIDTH - (max(longitudes) - min(longitudes)) * narrow * scale) / 2
    top = (_TOP + _HEIGHT - _MARGIN - (max(latitudes) - min(latitudes)) * scale) / 2
    return _Frame(min(longitudes), max(latitudes), left, top, scale, narrow)


def _legend() -> Iterator[str]:
    words = (
        ("good", "store, by orders fulfilled 门店，按完成量"),
        ("bad", f"rejects {_REJECTS_MUCH:.0%} or more 拒单率 ≥ {_REJECTS_MUCH:.0%}"),
        ("place", "orders come from there 订单来源"),
    )
    x = 16
    for name, text in words:
        yield f'<circle class="{name}" cx="{x + 6}" cy="46" r="5"/><text class="small" x="{x + 16}" y="50">{text}</text>'
        x += 40 + sum(_WIDE_PX if ord(each) > _CJK else _NARROW_PX for each in text)


def _flows(flows: Sequence[dict[str, Any]], stores: Sequence[dict[str, Any]], frame: _Frame) -> Iterator[str]:
    """Lines from places to stores, the thicker the more orders; those to stores that were left out are left out, too."""
    at = {store["location_id"]: frame.at(store) for store in stores}
    for flow in flows:
        if flow["location_id"] in at:
            (x, y), (to_x, to_y) = frame.at(flow), at[flow["location_id"]]
            width = round(1 + 2 * log10(flow["orders"]), 1)
            yield f'<line class="flow" x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke-width="{width}"/>'
            yield f'<circle class="place" cx="{x}" cy="{y}" r="2"/>'


def _stores(stores: Sequence[dict[str, Any]], frame: _Frame) -> Iterator[str]:
    """Stores, the busiest on top and with their names; the flagship is a square."""
    most = max((store["fulfilled"] for store in stores), default=0) or 1
    for number, store in reversed(list(enumerate(stores))):
        x, y = frame.at(store)
        size = round(4 + 10 * sqrt(store["fulfilled"] / most), 1)
        name = "bad" if (store["reject_rate"] or 0) >= _REJECTS_MUCH else "good"
        tip = f"<title>{escape(store['name'])}: {store['fulfilled']} / {store['given']}</title>"
        if store["kind"] == "store":
            yield f'<circle class="{name}" cx="{x}" cy="{y}" r="{size}">{tip}</circle>'
        else:
            corner = f'x="{round(x - size, 1)}" y="{round(y - size, 1)}" width="{2 * size}" height="{2 * size}"'
            yield f'<rect class="{name} flagship" {corner}>{tip}</rect>'
        if number < _NAMED:
            anchor, beside = ("end", x - size - 4) if x > _WIDTH * 0.75 else ("start", x + size + 4)
            yield f'<text x="{round(beside, 1)}" y="{y + 4}" text-anchor="{anchor}">{escape(store["name"])}</text>'


def _scale(frame: _Frame) -> Iterator[str]:
    """A line of a round number of kilometres, at most a quarter of the map long."""
    pixels_per_km = frame.scale / _KM_PER_DEGREE
    km = max(
        (
            digit * 10.0**power
            for power in range(-2, 5)
            for digit in (1, 2, 5)
            if digit * 10.0**power * pixels_per_km <= _WIDTH / 4
        ),
        default=0.01,
    )
    length, y = round(km * pixels_per_km, 1), _HEIGHT - 16
    yield f'<line class="scale" x1="16" x2="{16 + length}" y1="{y}" y2="{y}"/>'
    yield f'<text class="small" x="{24 + length}" y="{y + 4}">{km:g} km</text>'
