"""Which version a viewer sees, opens and pays for."""

from dataclasses import replace

from lutong_contracts.gray import Audience, Viewing, sees
from lutong_feed.engagements.domain import Accepted, OpenCard, accept, usable
from lutong_feed.gray.domain import InGray, Others, Shown, shown
from tests.unit.feed.test_using_cards import SHOP, TEA, WANTED, found

AUDIENCE = Audience(salt="s-1", percent=30, viewers=("ann",))
GRAY = InGray(version=3, title="Shop 3", page="pages/shop3", audience=AUDIENCE).model_dump_json()
RELEASED = Shown(2, "Shop", "pages/shop")
DEARER = TEA.model_copy(update={"unit_price": TEA.unit_price.model_copy(update={"amount_minor": 400})})
BOTH = replace(SHOP, gray_version=3, gray_offers=(DEARER,))
OTHERS = [Viewing(f"reader-{n}") for n in range(50)]


def test_each_viewer_sees_the_version_of_their_bucket() -> None:
    for viewing in OTHERS:
        version = 3 if sees(AUDIENCE, "shop", viewing) else 2
        assert shown("shop", RELEASED, Others(GRAY), viewing).version == version
    assert shown("shop", RELEASED, Others(GRAY), Viewing("ann")) == Shown(3, "Shop 3", "pages/shop3")
    assert shown("shop", RELEASED, Others(GRAY), Viewing(None)) == RELEASED


def test_nothing_in_gray_and_nothing_released_show_what_is_released() -> None:
    assert shown("shop", RELEASED, Others(), Viewing("ann")) == RELEASED
    offline = Shown(None, "Shop", "pages/shop")
    assert shown("shop", offline, Others(GRAY), Viewing("ann")) == offline


def test_the_card_that_is_opened_is_the_one_that_was_shown() -> None:
    for viewing in (*OTHERS, Viewing("ann")):
        card = usable("p-1", viewing, found(gray=GRAY))
        assert isinstance(card, OpenCard)
        assert card.shown[7:10] == shown("shop", RELEASED, Others(GRAY), viewing)[:3]
        assert card.version == card.shown.version


def test_an_order_has_the_prices_of_its_viewers_version() -> None:
    card = found(gray=GRAY)
    ann = accept(WANTED, card, {"shop": BOTH})
    control = next(str(each.viewer_id) for each in OTHERS if not sees(AUDIENCE, "shop", each))
    other = accept(WANTED._replace(viewer_id=control), card, {"shop": BOTH})
    assert isinstance(ann, Accepted)
    assert isinstance(other, Accepted)
    assert (ann.program.version, ann.priced.total.amount_minor) == (3, 800)
    assert (other.program.version, other.priced.total.amount_minor) == (2, 600)


def test_a_version_that_ended_meanwhile_sells_at_the_released_prices() -> None:
    ann = accept(WANTED, found(gray=GRAY), {"shop": SHOP})
    assert isinstance(ann, Accepted)
    assert (ann.program.version, ann.priced.total.amount_minor) == (2, 600)
