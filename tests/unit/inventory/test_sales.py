"""Whose sale an order is: rules without a database."""

import pytest

from lutong_inventory.orders.domain.offers import agreed_by
from lutong_inventory.sales.domain import Credit, Sale, credited

AT_THE_STORE = Sale("o-1", "near", "store")
FROM_THE_FLAGSHIP = Sale("o-1", "flagship", "flagship")


@pytest.mark.parametrize(
    ("sale", "credit"),
    [
        (AT_THE_STORE, Credit("near", "shelf")),
        (AT_THE_STORE._replace(sold_by="far"), Credit("far", "till")),
        (FROM_THE_FLAGSHIP, Credit("flagship", "shelf")),
        (FROM_THE_FLAGSHIP._replace(handed_on_by="near"), Credit("near", "handed_on")),
        (FROM_THE_FLAGSHIP._replace(handed_on_by="near", sold_by="far"), Credit("far", "till")),
        # A store that was short, and another store that was not: who had the goods made the sale.
        (AT_THE_STORE._replace(handed_on_by="far"), Credit("near", "shelf")),
    ],
)
def test_an_order_is_the_sale_of_one_location(sale: Sale, credit: Credit) -> None:
    assert credited(sale) == credit


def test_only_what_a_store_had_goes_to_the_flagship_by_consent() -> None:
    assert agreed_by("store", "flagship", "plan") == "plan"
    assert agreed_by("store", "flagship", None) == "request"
    assert agreed_by("store", "store", "plan") is None
    assert agreed_by(None, "flagship", "plan") is None
