"""Newcomers are asked about outside of any transaction; members are never kept waiting by a provider."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client, run_jobs
from lutong_contracts import Event
from lutong_contracts.membership import CreditAssessed, CreditDeclined, OfferLapsed
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from lutong_membership.jobs import assess
from lutong_membership.providers.credit.values import Application, Assessment, Unavailable
from tests.integration.membership.story import OBLIGED, a_member, a_shop, names, tell
from tests.support.builders import GOOD_PROFILE, a_request, cancelled, fulfilled


@dataclass(slots=True)
class Provider:
    """A provider that answers as a test wants: up to this limit, or not at all."""

    limit_minor: int | None = 50_000
    asked: list[tuple[Application, bool]] = field(default_factory=list)

    async def assess(self, application: Application, *, asked_before: bool = False) -> Assessment | Unavailable:
        self.asked.append((application, asked_before))
        if self.limit_minor is None:
            return Unavailable("unreachable")
        return Assessment(700, self.limit_minor, (), "test", timedelta(days=1))

    async def aclose(self) -> None:
        pass


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await a_shop(client, ("m-1", "m-2"))
        yield client


async def asked(pool: Pool, provider: Provider) -> list[Event]:
    """Ask the provider about the members who are due, and consume what was decided."""
    published = await run_jobs(pool, assess(provider))
    return published + (await deliver(pool, handlers, *published) if published else [])


def reasons(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, CreditDeclined)]


async def test_orders_of_a_newcomer_wait_and_are_decided_in_order(client: httpx.AsyncClient, pool: Pool) -> None:
    first = await deliver(pool, handlers, a_request("o-1", 30_000), a_request("o-2", 30_000))
    then = await deliver(pool, handlers, a_request("o-3", 20_000))
    assert (names(first), then) == (["AgreementConsulted"], [])
    assert (await client.get("/v1/holds/o-3")).json()["state"] == "waiting"

    provider = Provider()
    published = await asked(pool, provider)
    assert names(published)[:2] == ["CreditAssessed", "AgreementSigned"]
    assert [type(e).__name__ + e.order_id for e in published if hasattr(e, "order_id") and "Lapsed" not in type(e).__name__] == [
        "CreditHeldo-1", "CreditDeclinedo-2", "CreditHeldo-3",
    ]  # fmt: skip
    assert [(application.member_id, before) for application, before in provider.asked] == [("m-1", False)]


async def test_credit_score_service_down_fails_closed_for_new_and_open_for_existing(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, "m-2")
    down = Provider(limit_minor=None)
    await deliver(pool, handlers, a_request("new", viewer_id="m-1"))
    assert await asked(pool, down) == []

    existing = await deliver(pool, handlers, a_request("existing", viewer_id="m-2"))
    assert names(existing) == ["CreditHeld", "HoldLapsed"]

    await pool.execute("UPDATE assessment_job SET give_up_at = now(), due_at = now()")
    published = await asked(pool, down)
    assert names(published) == ["CreditAssessed", "AgreementDeclined", "CreditDeclined"]
    assert reasons(published) == ["assessment_unavailable"]
    assert [before for _, before in down.asked] == [False, True]  # the second time, it may have arrived before


async def test_nothing_is_remembered_that_would_keep_a_member_from_asking_again(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await deliver(pool, handlers, a_request("o-1"))
    await pool.execute("UPDATE assessment_job SET give_up_at = now()")
    assert reasons(await asked(pool, Provider(limit_minor=None))) == ["assessment_unavailable"]

    assert names(await deliver(pool, handlers, a_request("o-2"))) == ["AgreementConsulted"]
    assert names(await asked(pool, Provider()))[:2] == ["CreditAssessed", "AgreementSigned"]
    assert await pool.fetchval("SELECT count(*) FROM assessment") == 1


async def test_an_answer_counts_once_and_a_copy_of_it_changes_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_request("o-1"))
    published = await run_jobs(pool, assess(Provider()))
    assert await run_jobs(pool, assess(Provider())) == []
    assert len(await deliver(pool, handlers, *published)) == 3
    (answer,) = published
    assert isinstance(answer, CreditAssessed)
    assert await deliver(pool, handlers, answer) == []  # another event that says the same
    assert await deliver(pool, handlers, answer.model_copy(update={"admitted": False})) == []


async def test_an_assessment_stands_for_a_while_and_for_other_plans_too(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    other = {"merchant_id": "other", "title": "轻会员", "line_limit_minor": 500_000}
    assert (await client.put("/v1/plans/other", json=other)).status_code == 200
    joins = a_request("o-9").model_copy(update={"merchant_id": "other"})
    assert names(await deliver(pool, handlers, joins)) == ["AgreementSigned", "CreditHeld", "HoldLapsed"]

    await pool.execute("UPDATE assessment SET valid_until = now()")
    third = {"merchant_id": "third", "title": "轻会员", "line_limit_minor": 500_000}
    assert (await client.put("/v1/plans/third", json=third)).status_code == 200
    later = a_request("o-10").model_copy(update={"merchant_id": "third"})
    assert names(await deliver(pool, handlers, later)) == ["AgreementConsulted"]


async def test_a_change_of_the_profile_after_signing_never_changes_what_was_signed(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    agreement = await a_member(pool)
    before = (await client.get(f"/v1/agreements/{agreement}")).json()
    worse = GOOD_PROFILE | {"late_months": 6, "worst_delay_months": 6}
    assert (await client.put("/v1/members/m-1/profile", json=worse)).status_code == 204
    assert (await client.get(f"/v1/agreements/{agreement}")).json() == before
    assert names(await tell(pool, a_request("o-2", 90_000))) == ["CreditHeld", "HoldLapsed"]


async def test_an_order_that_ends_while_it_waits_is_declined(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_request("o-1"))
    assert await deliver(pool, handlers, cancelled("o-1")) == []
    published = await asked(pool, Provider())
    assert names(published) == ["CreditAssessed", "AgreementOffered", "OfferLapsed", "CreditDeclined"]
    assert (await client.get("/v1/holds/o-1")).json()["state"] == "cancelled"


async def test_fifty_newcomers_requests_at_once_make_one_agreement(client: httpx.AsyncClient, pool: Pool) -> None:
    published = await asyncio.gather(*(deliver(pool, handlers, a_request(f"o-{n}", 10)) for n in range(50)))
    assert [name for events in published for name in names(events)] == ["AgreementConsulted"]
    held = await asked(pool, Provider())
    assert names(held).count("CreditHeld") == 50


async def test_a_member_sees_terms_and_the_price_of_failure_before_signing(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_shop(client, **OBLIGED)
    consulted = await client.post("/v1/members/m-1/consultations", json={"plan_id": "light"})
    assert (consulted.status_code, consulted.json()["state"]) == (202, "consulted")
    agreement = consulted.json()["agreement_id"]
    again = await client.post("/v1/members/m-1/consultations", json={"plan_id": "light"})
    assert again.json()["type"] == "urn:lutong:problem:agreement_live"
    early = await client.post(f"/v1/agreements/{agreement}/signature")
    assert early.json()["type"] == "urn:lutong:problem:not_offered"

    published = await asked(pool, Provider())
    assert names(published) == ["CreditAssessed", "AgreementOffered", "OfferLapsed"]
    assert published[1].charge_cap.amount_minor == 5_000  # type: ignore[attr-defined]  # an AgreementOffered
    signed = await client.post(f"/v1/agreements/{agreement}/signature")
    assert (signed.status_code, signed.json()["charge_cap_minor"]) == (200, 5_000)
    assert await deliver(pool, handlers, OfferLapsed(agreement_id=agreement)) == []
    line = (await client.get("/v1/members/m-1")).json()["lines"][0]
    assert line["limit_minor"] == 50_000


async def test_an_offer_that_nobody_signs_lapses_and_may_be_asked_for_again(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    agreement = (await client.post("/v1/members/m-1/consultations", json={"plan_id": "light"})).json()["agreement_id"]
    await asked(pool, Provider())
    assert names(await deliver(pool, handlers, OfferLapsed(agreement_id=agreement))) == ["AgreementLapsed"]
    again = await client.post("/v1/members/m-1/consultations", json={"plan_id": "light"})
    assert (again.status_code, again.json()["state"]) == (202, "preordered")  # the assessment stands


@pytest.mark.parametrize("overdue", ["blocked", "suspended", "proposed"])
async def test_a_member_overdue_elsewhere_signs_nothing_new(
    overdue: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool)
    await pool.execute("UPDATE agreement SET step = $1", overdue)
    other = {"merchant_id": "other", "title": "轻会员", "line_limit_minor": 500_000}
    await client.put("/v1/plans/other", json=other)
    assert reasons(await tell(pool, a_request("o-9").model_copy(update={"merchant_id": "other"}))) == ["debts_overdue"]
    assert names(await tell(pool, a_request("o-10"))) == ["CreditHeld", "HoldLapsed"]  # what is signed stays signed


async def test_between_two_signatures_of_a_plan_lie_its_waiting_days(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, sign_interval_days=10)
    agreement = await a_member(pool)
    await client.post(f"/v1/agreements/{agreement}/quit", json={"accepted_charge_minor": 0})
    assert reasons(await tell(pool, a_request("o-2"))) == ["signed_recently"]
    await pool.execute("UPDATE agreement SET signed_at = signed_at - interval '10 days'")
    assert "AgreementSigned" in names(await tell(pool, a_request("o-3")))


async def test_some_members_are_held_out_for_good_and_order_at_list_price(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    members = [f"h-{n}" for n in range(40)]
    await a_shop(client, members, benefits={"discount_percent": 10}, holdout_percent=50)
    await tell(pool, *[a_request(f"o-{member}", 1_000, member) for member in members])
    drawn = """
        SELECT arm.holdout, hold.amount_minor
          FROM hold JOIN agreement USING (agreement_id)
          JOIN arm ON arm.member_id = hold.member_id AND arm.holdout = agreement.holdout
    """
    rows = await pool.fetch(drawn)
    assert {(row["holdout"], row["amount_minor"]) for row in rows} == {(True, 1_000), (False, 900)}
    assert len(rows) == 40


async def test_uplift_compares_members_with_an_offer_and_members_held_out(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    members = [f"h-{n}" for n in range(20)]
    await a_shop(client, members, benefits={"discount_percent": 10}, holdout_percent=50)
    await tell(pool, *[a_request(f"o-{member}", 1_000, member) for member in members])
    held = await pool.fetch("SELECT order_id, amount_minor FROM hold WHERE state = 'held'")
    await deliver(pool, handlers, *[fulfilled(row["order_id"], row["amount_minor"]) for row in held])

    found = (await client.get("/v1/merchants/shop/uplift")).json()
    assert sum(found["members"].values()) == 20
    assert (found["plan_id"], found["currency"], found["holdout_percent"]) == ("light", "CNY", 50)
    value = next(kpi for kpi in found["kpis"] if kpi["name"] == "order_value")
    assert (value["treated"], value["holdout"]) == (900, 1_000)
    assert (await client.get("/v1/merchants/nobody/uplift")).status_code == 404
    for until in ("2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"):
        answer = await client.get("/v1/merchants/shop/uplift", params={"until": until})
        assert answer.json()["type"].endswith("bad_window")


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
@pytest.mark.parametrize("name", ["since", "until"])
async def test_uplift_of_an_odd_window_is_refused(name: str, since: str, client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/merchants/shop/uplift", params={name: since})
    assert answer.status_code == 422, answer.text
