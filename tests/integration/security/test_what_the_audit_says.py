"""Operator commands that H1 of the trial found without a trace: who, what, before, after, why."""

from typing import Any

from lutong_chassis import parking
from lutong_chassis.parking import ParkCandidate, StoredRecord
from lutong_chassis.testing import a_merchant, an_operator, in_transaction
from tests.integration.security.audits import done, exported
from tests.integration.security.callers import ACME, ANN
from tests.integration.security.conftest import WorldOf
from tests.integration.security.matrix import SERVICES
from tests.integration.security.world import Asked, World
from tests.support.builders import GOOD_PROFILE

MASKED = "(masked)"


async def audited(world: World, method: str, asked: Asked, why: str | None = "as agreed") -> dict[str, Any]:
    """The one row of an operator's command, without its number and times."""
    answer, rows = await done(world, an_operator(), method, asked, why)
    assert answer.is_success, answer.text
    (row,) = rows
    assert (row["actor"], row["role"], row["correlation_id"]) == ("olga", "operator", answer.headers["lutong-journey"])
    event = (await exported(world))[row["id"]]
    assert (event["actor"], event["action"], event["subject"]) == ("olga", row["action"], row["subject"])
    assert "before" not in event
    assert "after" not in event
    assert set(event["fields"]) == {*(row["before"] or {}), *(row["after"] or {})}
    return {name: row[name] for name in ("action", "subject", "before", "after", "reason")}


async def test_a_raised_line_records_by_how_much_and_why(world_of: WorldOf) -> None:
    world = await world_of("membership")
    row = await audited(world, "PUT", Asked(f"/v1/members/{ANN}/line", {"limit_minor": 350_000, "reason": "as agreed"}))
    assert (row["action"], row["subject"], row["reason"]) == ("line.set", f"member:{ANN}", "as agreed")
    assert (row["before"]["target_minor"], row["after"]["target_minor"]) == (300_000, 350_000)


async def test_a_payout_records_how_much_and_why(world_of: WorldOf) -> None:
    world = await world_of("membership")
    row = await audited(world, "POST", Asked("/v1/members/bob/payouts", {"amount_minor": 400, "reason": "as agreed"}))
    assert (row["action"], row["subject"], row["reason"]) == ("payout.make", "member:bob", "as agreed")
    assert row["before"]["credit_minor"] - row["after"]["credit_minor"] == 400


async def test_a_suspension_records_what_it_ended_and_why(world_of: WorldOf) -> None:
    world = await world_of("registry")
    row = await audited(world, "POST", Asked("/v1/programs/fund/suspension", {"reason": "fraud_found"}), None)
    assert row == {
        "action": "program.suspend", "subject": "program:fund", "reason": "fraud_found",
        "before": {"suspended": False}, "after": {"suspended": True},
    }  # fmt: skip


async def test_an_approval_records_which_version_and_why(world_of: WorldOf) -> None:
    world = await world_of("registry")
    asked = await SERVICES["registry"][1]["POST /v1/programs/{program_id}/versions/{version}/approval"][1](world)
    row = await audited(world, "POST", asked)
    assert row == {
        "action": "version.approve", "subject": f"version:{asked.about}:1", "reason": "as agreed",
        "before": {"state": "submitted"}, "after": {"state": "approved"},
    }  # fmt: skip


async def test_a_profile_records_which_fields_and_never_their_values(world_of: WorldOf) -> None:
    world = await world_of("membership")
    changed = GOOD_PROFILE | {"late_months": 7, "utilisation_percent": 77}
    row = await audited(world, "PUT", Asked(f"/v1/members/{ANN}/profile", changed))
    assert row == {
        "action": "profile.put", "subject": f"member:{ANN}", "reason": "as agreed",
        "before": {"late_months": MASKED, "utilisation_percent": MASKED},
        "after": {"late_months": MASKED, "utilisation_percent": MASKED},
    }  # fmt: skip


async def test_a_refund_records_how_much_and_why(world_of: WorldOf) -> None:
    world = await world_of("inventory")
    asked = await SERVICES["inventory"][1]["POST /v1/orders/{order_id}/refunds"][1](world)
    row = await audited(world, "POST", asked)
    assert (row["action"], row["subject"], row["reason"]) == ("order.refund", f"order:{asked.about}", "as agreed")
    assert row["before"] == {"refunded_minor": 0}
    assert row["after"] == {"refunded_minor": 1, "refund_id": asked.body["refund_id"]}


async def test_a_step_taken_for_a_merchant_records_from_where_to_where(world_of: WorldOf) -> None:
    world = await world_of("inventory")
    asked = await SERVICES["inventory"][1]["POST /v1/orders/{order_id}/steps"][1](world)
    assert await audited(world, "POST", asked) == {
        "action": "order.step", "subject": f"order:{asked.about}", "reason": "as agreed",
        "before": {"state": "sourced"}, "after": {"state": "accepted"},
    }  # fmt: skip


async def test_a_merchants_refund_is_on_record_too(world_of: WorldOf) -> None:
    world = await world_of("inventory")
    asked = await SERVICES["inventory"][1]["POST /v1/orders/{order_id}/refunds"][1](world)
    _, rows = await done(world, a_merchant(ACME), "POST", asked)
    assert [(row["role"], row["merchant_id"], row["action"]) for row in rows] == [("merchant", ACME, "order.refund")]


async def test_an_account_that_becomes_an_enterprise_is_recorded(world_of: WorldOf) -> None:
    world = await world_of("feed")
    row = await audited(world, "PUT", Asked(f"/v1/accounts/{ANN}", {"name": "Anna", "kind": "enterprise"}))
    assert row["before"] == {"name": MASKED, "kind": "personal"}
    assert row["after"] == {"name": MASKED, "kind": "enterprise"}


async def test_a_count_records_what_was_on_the_shelf_before(world_of: WorldOf) -> None:
    world = await world_of("inventory")
    row = await audited(world, "PUT", Asked("/v1/locations/near/stock/tea", {"on_hand": 900}))
    assert (row["action"], row["subject"]) == ("stock.count", "shelf:near:tea")
    assert (row["before"], row["after"]) == ({"on_hand": 1_000}, {"on_hand": 900})


async def test_a_location_hides_its_name_and_address(world_of: WorldOf) -> None:
    world = await world_of("inventory")
    moved = {"merchant_id": ACME, "kind": "store", "name": "far", "latitude": 1, "longitude": 2, "open": False}
    row = await audited(world, "PUT", Asked("/v1/locations/near", moved))
    assert row["after"] == {"name": MASKED, "latitude": MASKED, "longitude": MASKED, "open": False}


async def test_a_new_version_of_a_plan_records_its_limit(world_of: WorldOf) -> None:
    world = await world_of("membership")
    terms = {"merchant_id": ACME, "title": "Light", "line_limit_minor": 700_000}
    row = await audited(world, "PUT", Asked("/v1/plans/light", terms))
    assert (row["action"], row["subject"]) == ("plan.put", "plan:light")
    assert (row["before"]["version"], row["after"]["version"]) == (1, 2)
    assert (row["before"]["line_limit_minor"], row["after"]["line_limit_minor"]) == (500_000, 700_000)


async def test_a_reason_in_chinese_is_kept_as_written(world_of: WorldOf) -> None:
    world = await world_of("registry")
    row = await audited(world, "DELETE", await _suspended(world), "%E6%A0%B8%E5%AE%9E%E6%97%A0%E8%AF%AF")
    assert (row["action"], row["reason"]) == ("program.resume", "核实无误")


async def _suspended(world: World) -> Asked:
    return await SERVICES["registry"][1]["DELETE /v1/programs/{program_id}/suspension"][1](world)


async def test_a_redrive_that_fails_is_recorded_as_failed(world_of: WorldOf) -> None:
    world = await world_of("feed")
    record = StoredRecord("lutong.feed.posts", 0, 1, 1_700_000_000_000, b"p-9", b"\xff", [])
    async with in_transaction(world.pool) as tx:
        await parking.park(tx, [ParkCandidate(record, "parked", "bad_bytes", "no JSON")])
        parked_id: int = await tx.fetchval("SELECT max(id) FROM parked")
    path = f"/operations/parked/{parked_id}/redrive"
    answer, rows = await done(world, an_operator(), "POST", Asked(path, {"reason": "perhaps now"}))
    assert answer.status_code == 409
    assert [(row["action"], row["reason"], row["before"], row["after"]) for row in rows] == [
        ("parked.redrive_failed", "perhaps now", {"attempts": 1}, {"attempts": 2})
    ]


async def test_a_republication_records_since_when_and_how_much(world_of: WorldOf) -> None:
    world = await world_of("registry")
    body = {"reason": "the broker lost its disk", "since": "2020-01-01T00:00:00Z"}
    count = await world.pool.fetchval("SELECT count(*) FROM outbox")
    answer, (row,) = await done(world, an_operator(), "POST", Asked("/operations/republication", body))
    assert (row["action"], row["reason"]) == ("outbox.republish", "the broker lost its disk")
    assert row["after"] == {"since": "2020-01-01T00:00:00+00:00", "events": answer.json()["republished"]}
    assert answer.json()["republished"] <= count
    assert (await exported(world))[row["id"]]["fields"] == ["events", "since"]


async def test_a_resumption_records_since_when_it_was_quiet(world_of: WorldOf) -> None:
    world = await world_of("registry")
    since = await world.pool.fetchval("INSERT INTO quiet (reason) VALUES ('restored') RETURNING since")
    asked = Asked("/operations/resumption", {"reason": "it was verified"})
    answer, (row,) = await done(world, an_operator(), "POST", asked)
    assert answer.json() == {"was_quiet_since": since.isoformat().replace("+00:00", "Z")}
    assert (row["action"], row["after"]) == ("service.resume", {"quiet_since": since.isoformat()})
    again, (second,) = await done(world, an_operator(), "POST", asked)
    assert (again.json(), second["after"]) == ({"was_quiet_since": None}, {"quiet_since": None})
