"""A batch of commands that dies at any boundary: all of it happened, or none; and nobody's command happens twice."""

from typing import Final

import pytest

from lutong_chassis import Service
from lutong_chassis.testing import create_database, drop_database, migrate_database
from tests.conftest import Infrastructure
from tests.integration.crashes.crashing_process import Command, act, act_together, die_together, service_named
from tests.integration.crashes.test_crash_matrix import BEFORE_COMMIT_OF_A_COMMAND, BEHIND_COMMIT, connected, everything

VIEWERS: Final = ("ann", "bo", "v-1", "v-2", "v-3", "v-4")
WANTED: Final = {"lines": [{"sku": "tea", "units": 1}], "destination": {"latitude": 31.2, "longitude": 121.4}}


async def an_active_card(service: Service, url: str) -> None:
    """The story of the feed up to a card that can be used, and some viewers more."""
    accounts = {"accounts": [{"account_id": name, "name": name} for name in VIEWERS]}
    await act(service, url, Command("POST", "/v1/accounts/batch", accounts, "accounts"))
    await act(
        service, url, Command("POST", "/v1/posts", {"author_id": "ann", "text": "路通", "post_id": "p-1"}, "post")
    )
    async with connected(url) as observer:
        await observer.execute(
            """
            INSERT INTO program (program_id, merchant_id, version, title, page, offers)
            VALUES ('g-1', 'shop', 1, 'Shop', 'pages/shop',
                    '[{"sku": "tea", "title": "Tea", "unit_price": {"amount_minor": 300, "currency": "CNY"}}]');
            UPDATE card SET state = 'active', program_id = 'g-1', merchant_id = 'shop'
            """
        )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", ["taps", "requests"])
async def test_a_batch_that_dies_anywhere_happened_wholly_or_not(what: str, infrastructure: Infrastructure) -> None:
    service, name = service_named("feed"), f"batch_{what}"
    url = await create_database(infrastructure.admin_url, name)
    more = WANTED if what == "requests" else {}
    good = [Command("POST", f"/v1/posts/p-1/card/{what}", {"viewer_id": who, **more}, who) for who in VIEWERS]
    refused = Command("POST", f"/v1/posts/p-9/card/{what}", {"viewer_id": "bo", **more}, "refused")
    batch = [*good[:3], refused, *good[3:]]
    try:
        await migrate_database(url, service.migrations)
        await an_active_card(service, url)
        async with connected(url) as observer:
            before = await everything(observer)
            for point in BEFORE_COMMIT_OF_A_COMMAND:
                assert die_together("feed", url, point, batch) == -9, f"the batch did not reach {point}"
                assert await everything(observer) == before, f"the batch left a trace when it died at {point}"
            assert die_together("feed", url, BEHIND_COMMIT, batch) == -9
            after = await everything(observer)
            assert await observer.fetchval("SELECT count(*) FROM idempotency WHERE scope LIKE '%p-1/card/%'") == len(
                good
            )
            answers = await act_together(service, url, batch)
            assert await everything(observer) == after, "the batch happened twice"
        assert [answer.status_code for answer in answers].count(404) == 1
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == len(good)
    finally:
        await drop_database(infrastructure.admin_url, name)
