"""Coordinates of three datums, and those that can hardly be right: rules without a database."""

import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import example, given
from hypothesis import strategies as st

from lutong_contracts.values import Place
from lutong_inventory.locations.domain.places import Datum, Doubt, _shifted, doubt, to_wgs84


def metres(one: Place, other: Place) -> float:
    found: float = Geodesic.WGS84.Inverse(one.latitude, one.longitude, other.latitude, other.longitude)["s12"]
    return found


@pytest.mark.parametrize(
    ("latitude", "longitude", "datum"),
    [
        (39.915, 116.404, "WGS-84"),
        (39.91640428150164, 116.41024449916938, "GCJ-02"),
        (39.92269955221622, 116.41662724378733, "BD-09"),
    ],
)
def test_one_place_in_three_datums_is_one_place(latitude: float, longitude: float, datum: Datum) -> None:
    assert metres(to_wgs84(latitude, longitude, datum), Place(latitude=39.915, longitude=116.404)) < 1


@given(st.floats(18, 53), st.floats(74, 135))
@example(37.143, 96.601)  # where maps shift least: 17.5 m
@example(53.0, 131.4)  # and most: 699 m
def test_what_a_map_shifted_is_shifted_back(latitude: float, longitude: float) -> None:
    there = Place(latitude=latitude, longitude=longitude)
    shown = Place(**dict(zip(("latitude", "longitude"), _shifted(latitude, longitude), strict=True)))
    assert 15 < metres(there, shown) < 750
    assert metres(there, to_wgs84(shown.latitude, shown.longitude, "GCJ-02")) < 0.01


def test_maps_outside_of_china_are_not_shifted() -> None:
    paris = Place(latitude=48.8566, longitude=2.3522)
    assert to_wgs84(paris.latitude, paris.longitude, "GCJ-02") == paris


@pytest.mark.parametrize(
    ("latitude", "longitude", "zone", "why"),
    [
        (31.23, 121.47, "Asia/Shanghai", None),
        (43.83, 87.62, "Asia/Shanghai", None),
        (0, 0, "Asia/Shanghai", "null_island"),
        (39.5, 54.5, "Asia/Shanghai", "outside_zone"),
        (87.62, 43.83, "Asia/Shanghai", "swapped"),
        (48.86, 2.35, "Asia/Shanghai", "outside_zone"),
        (48.86, 2.35, "Europe/Paris", None),
        (-18.1, 178.4, "Pacific/Fiji", None),
        (40.7, -74.0, "Europe/Paris", "outside_zone"),
    ],
)
def test_a_place_that_can_hardly_be_right_is_reported(latitude: float, longitude: float, zone: str, why: Doubt) -> None:
    assert doubt(Place(latitude=latitude, longitude=longitude), zone) == why
