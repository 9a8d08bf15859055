"""Where a location is: coordinates of three datums, and those that can hardly be right. Pure.

Maps in China shift what they show: GCJ-02 by some hundred metres, BD-09 by some hundred more. Distances are measured on
WGS-84, so whatever comes in another datum is converted when it comes.
"""

from datetime import datetime, timedelta
from math import atan2, cos, hypot, pi, radians, sin, sqrt
from typing import Final, Literal
from zoneinfo import ZoneInfo

from lutong_contracts.values import Place

Datum = Literal["WGS-84", "GCJ-02", "BD-09"]
"""What coordinates are measured against."""

Doubt = Literal["null_island", "swapped", "outside_zone"]
"""Why coordinates can hardly be right."""

CHINA: Final = (3.5, 54.0, 73.0, 136.0)
"""Latitudes and longitudes between which the mainland lies, and where its maps are shifted."""

_CHINESE_ZONES: Final = frozenset({"Asia/Shanghai", "Asia/Urumqi", "Asia/Chongqing", "Asia/Harbin", "PRC"})
_OFF_BY_HOURS: Final = 4
"""How far the clock of a zone may be from its sun; the farthest is some three hours."""

_INHABITED: Final = 72
"""The latitude beyond which nobody has a store."""

_KRASOVSKY_M: Final = 6_378_245.0
_ECCENTRICITY: Final = 0.00669342162296594323
"""The ellipsoid that GCJ-02 was made on, and the square of its eccentricity."""

_BD_TURN: Final = pi * 3000 / 180


def to_wgs84(latitude: float, longitude: float, datum: Datum) -> Place:
    """Coordinates of a datum in WGS-84, right to a centimetre: each shift is taken back until nothing is left of it.

    >>> to_wgs84(39.9087, 116.3975, "WGS-84").latitude
    39.9087
    """
    if datum == "BD-09":
        latitude, longitude = _from_bd09(latitude, longitude)
    if datum == "WGS-84" or not _is_inside(latitude, longitude):
        return Place(latitude=latitude, longitude=longitude)
    found_latitude, found_longitude = latitude, longitude
    for _ in range(4):
        shifted_latitude, shifted_longitude = _shifted(found_latitude, found_longitude)
        found_latitude += latitude - shifted_latitude
        found_longitude += longitude - shifted_longitude
    return Place(latitude=found_latitude, longitude=found_longitude)


def doubt(place: Place, zone: str) -> Doubt | None:
    """Why coordinates can hardly be right, or None: 0,0; latitude and longitude swapped; not where the zone is."""
    if max(abs(place.latitude), abs(place.longitude)) < 0.01:
        return "null_island"
    if _fits(place.latitude, place.longitude, zone):
        return None
    if abs(place.longitude) <= _INHABITED and _fits(place.longitude, place.latitude, zone):
        return "swapped"
    return "outside_zone"


def _fits(latitude: float, longitude: float, zone: str) -> bool:
    if zone in _CHINESE_ZONES:
        return _is_inside(latitude, longitude)
    offset = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
    hours = abs(longitude / 15 - offset / timedelta(hours=1)) % 24
    return min(hours, 24 - hours) <= _OFF_BY_HOURS


def _is_inside(latitude: float, longitude: float) -> bool:
    south, north, west, east = CHINA
    return south <= latitude <= north and west <= longitude <= east


def _from_bd09(latitude: float, longitude: float) -> tuple[float, float]:
    """BD-09 turns GCJ-02 around and stretches it; what it did is undone with the angle of where it ended."""
    x, y = longitude - 0.0065, latitude - 0.006
    radius = hypot(x, y) - 0.00002 * sin(y * _BD_TURN)
    angle = atan2(y, x) - 0.000003 * cos(x * _BD_TURN)
    return radius * sin(angle), radius * cos(angle)


def _shifted(latitude: float, longitude: float) -> tuple[float, float]:
    """WGS-84 as GCJ-02 shows it."""
    x, y = longitude - 105.0, latitude - 35.0
    root = sqrt(abs(x))
    waves = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi) + 160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi) + 150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    flat = 1 - _ECCENTRICITY * sin(radians(latitude)) ** 2
    metres_north = _KRASOVSKY_M * (1 - _ECCENTRICITY) / (flat * sqrt(flat))
    metres_east = _KRASOVSKY_M / sqrt(flat) * cos(radians(latitude))
    return latitude + north / metres_north * 180 / pi, longitude + east / metres_east * 180 / pi
