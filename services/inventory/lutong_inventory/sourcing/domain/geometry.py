"""How far it is, on the ellipsoid, and how near it can be at least, on the plane that the search uses. Pure.

The search for candidates runs over an index of Mercator's plane. It keeps angles, and stretches the more the farther from
the equator; so what is near on the plane is near on the ground, but two distances of which one is a little shorter may
change places. `lower_bound_m` returns how near a place may be at least, given its distance on the plane.
"""

from math import cos, inf, radians
from typing import Final

from geographiclib.geodesic import Geodesic

from lutong_contracts.values import Place

EARTH_RADIUS_MIN_M: Final = 6_335_439
"""The smallest radius that the ellipsoid is curved with anywhere: a degree is nowhere shorter than with this one."""

_EARTH_RADIUS_M: Final = 6_371_009
"""The mean one."""


def distance_m(one: Place, other: Place) -> float:
    """Metres between two places: the geodesic on WGS-84, right to nanometres (Karney)."""
    line = Geodesic.WGS84.Inverse(one.latitude, one.longitude, other.latitude, other.longitude, Geodesic.DISTANCE)
    metres: float = line["s12"]
    return metres


def about_m(latitude: float, planar: float) -> float:
    """How many metres a place is away that is `planar` degrees away on the plane: right to a hundredth within a city."""
    return radians(planar) * cos(radians(latitude)) * _EARTH_RADIUS_M


def lower_bound_m(latitude: float, planar: float) -> float:
    """How many metres a place is away at least that is `planar` degrees away on the plane."""
    if planar == inf:
        return inf
    farthest = min(abs(latitude) + planar, 89.0)
    return radians(planar) * cos(radians(farthest)) * EARTH_RADIUS_MIN_M
