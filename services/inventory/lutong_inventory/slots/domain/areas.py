"""Where a location delivers by slots: a polygon on the map. Pure."""

from collections.abc import Sequence

from lutong_contracts.values import Place
from lutong_inventory.refusal import Refusal


def area(corners: Sequence[Place]) -> tuple[Place, ...] | Refusal:
    """The corners of an area, as they are kept: without the first one again at the end.

    >>> square = [Place(latitude=y, longitude=x) for y, x in ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))]
    >>> len(area(square))
    4
    """
    found = tuple(corners)
    if len(found) > 1 and found[0] == found[-1]:
        found = found[:-1]
    if len(set(found)) < 3:
        return Refusal("bad_area", "an area has at least three corners")
    east, west = max(each.longitude for each in found), min(each.longitude for each in found)
    if east - west > 180:
        return Refusal("bad_area", "an area does not go around the back of the earth: cut it at 180 degrees")
    if _doubled_surface(found) == 0:
        return Refusal("bad_area", "the corners are on one line: an area has a surface")
    return found


def covers(corners: Sequence[Place], place: Place) -> bool:
    """Whether a place is in an area: a line from it to the east crosses its border an odd number of times."""
    inside = False
    for one, other in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (one.latitude > place.latitude) != (other.latitude > place.latitude):
            part = (place.latitude - one.latitude) / (other.latitude - one.latitude)
            if place.longitude < one.longitude + part * (other.longitude - one.longitude):
                inside = not inside
    return inside


def _doubled_surface(corners: Sequence[Place]) -> float:
    pairs = zip(corners, (*corners[1:], corners[0]), strict=True)
    return abs(sum(one.longitude * other.latitude - other.longitude * one.latitude for one, other in pairs))
