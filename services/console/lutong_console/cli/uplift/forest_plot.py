"""A forest plot as SVG: each figure's ratio with its interval, readable in light and dark, by people and screen readers."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log2
from typing import Any, Final

from lutong_console.cli.uplift.format import KPI_NAMES, VERDICTS, amount, span

_WIDTH: Final = 920
_LEFT: Final = 270
_RIGHT: Final = 690
_TOP: Final = 84
_ROW: Final = 52
_STYLE: Final = (
    "text{font:14px system-ui,'Noto Sans CJK SC',sans-serif;fill:#1f2328}.small{font-size:12px;fill:#57606a}"
    ".head{font-size:16px;font-weight:600}.grid{stroke:#d0d7de}.none{stroke:#57606a;stroke-dasharray:4 4}"
    ".line{stroke-width:3}.higher{stroke:#0a7d33;fill:#0a7d33}.lower{stroke:#b42318;fill:#b42318}"
    ".no_effect_found{stroke:#6e7781;fill:#6e7781}.alarm{fill:#b42318;font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9aa4b2}.grid{stroke:#30363d}.none{stroke:#9aa4b2}"
    ".higher{stroke:#3fb950;fill:#3fb950}.lower{stroke:#ff7b72;fill:#ff7b72}"
    ".no_effect_found{stroke:#9aa4b2;fill:#9aa4b2}.alarm{fill:#ff7b72}}"
)


def forest(document: dict[str, Any]) -> str:
    """The picture of what `lutong uplift` prints."""
    kpis = document["kpis"]
    scale = _scale([kpi["ratio"] for kpi in kpis if kpi["ratio"]])
    height = _TOP + _ROW * len(kpis) + 56
    title = f"{document['merchant_id']}: members with light membership against members held out"
    members = document["members"]
    foot = (
        f"ratio of {members['treated']:,} members treated to {members['holdout']:,} held out, with 95 % intervals; "
        "on the dashed line nothing changed"
    )
    parts = [
        f'<text class="head" x="16" y="28">{escape(title)}</text>',
        f'<text class="{"small" if document["sound"] else "alarm"}" x="16" y="50">{escape(_subtitle(document))}</text>',
        *_axis(scale, height - 40),
        *(part for index, kpi in enumerate(kpis) for part in _row(kpi, index, scale, document["currency"])),
        f'<text class="small" x="16" y="{height - 10}">{foot}</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(_in_words(kpis))}</desc><style>{_STYLE}</style>'
        f"{''.join(parts)}</svg>\n"
    )


def _subtitle(document: dict[str, Any]) -> str:
    window = document["window"]
    whole = f"plan {document['plan_id']}, {window['since'][:10]} to {window['until'][:10]}"
    return (
        whole if document["sound"] else f"{whole} · NOT SOUND: the arms were not alike, so these figures mean nothing"
    )


def _in_words(kpis: Sequence[dict[str, Any]]) -> str:
    """The picture in words."""
    return "; ".join(
        f"{KPI_NAMES.get(kpi['name'], kpi['name'])}: "
        + (f"{span(kpi['ratio'], _times)}, " if kpi["ratio"] else "")
        + VERDICTS.get(kpi["verdict"], kpi["verdict"])
        for kpi in kpis
    )


def _scale(ratios: Sequence[dict[str, float]]) -> tuple[int, int]:
    """Powers of two between which everything lies, no effect always among it."""
    lowest = min([floor(log2(ratio["low"])) for ratio in ratios], default=-1)
    highest = max([ceil(log2(ratio["high"])) for ratio in ratios], default=1)
    return min(lowest, -1), max(highest, 1)


def _x(ratio: float, scale: tuple[int, int]) -> float:
    lowest, highest = scale
    return round(_LEFT + (_RIGHT - _LEFT) * (log2(ratio) - lowest) / (highest - lowest), 1)


def _axis(scale: tuple[int, int], bottom: int) -> Iterator[str]:
    for power in range(scale[0], scale[1] + 1):
        x = _x(2.0**power, scale)
        name = "none" if power == 0 else "grid"
        yield f'<line class="{name}" x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{bottom}"/>'
        yield f'<text class="small" x="{x}" y="{_TOP - 14}" text-anchor="middle">×{2.0**power:g}</text>'


def _row(kpi: dict[str, Any], index: int, scale: tuple[int, int], currency: str) -> Iterator[str]:
    y = _TOP + _ROW * index + 20
    treated, holdout = (amount(kpi[arm], kpi["unit"], currency) for arm in ("treated", "holdout"))
    yield f'<text x="16" y="{y}">{escape(KPI_NAMES.get(kpi["name"], kpi["name"]))}</text>'
    yield f'<text class="small" x="16" y="{y + 18}">{escape(f"{treated} against {holdout}")}</text>'
    ratio = kpi["ratio"]
    if ratio is None:
        yield f'<text class="small" x="{_RIGHT + 20}" y="{y + 4}">{VERDICTS["not_enough_data"]}</text>'
        return
    low, middle, high = (_x(ratio[key], scale) for key in ("low", "value", "high"))
    yield f'<line class="line {kpi["verdict"]}" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
    yield f'<circle class="{kpi["verdict"]}" cx="{middle}" cy="{y}" r="6"/>'
    yield f'<text x="{_RIGHT + 20}" y="{y}">{span(ratio, _times)}</text>'
    yield f'<text class="small" x="{_RIGHT + 20}" y="{y + 18}">{escape(VERDICTS.get(kpi["verdict"], ""))}</text>'


def _times(ratio: float) -> str:
    return f"×{ratio:.2f}"
