"""What must be on record and is not, does not happen; and a request has one id wherever it is told of."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from lutong_chassis import Handlers, Service, Tx, TxDependency, Who, allowed, audited, database, not_audited, routes
from lutong_chassis.audit import Change, record
from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, an_operator, bearer, http_client
from tests.integration.conftest import PoolOf

router = routes("things")


async def _count(tx: Tx, name: str) -> None:
    await tx.execute("INSERT INTO counter (counter_id, total, places) VALUES ($1, 1, '{}')", name)


@router.post("/v1/things/{name}/kept")
@allowed("operator", "member", "merchant")
@audited("thing.set", "thing.reset", own="member", shows=("total",))
async def keep(name: str, who: Who, tx: TxDependency, action: str = "thing.set") -> dict[str, str]:
    """Change something, and say so."""
    await _count(tx, name)
    if who.member_id is None:
        after = {"total": 1, "phone": "13800000000"}
        await record(tx, who, Change(action, f"thing:{name}", None, {"total": 0}, after))
    return {"name": name}


@router.post("/v1/things/{name}/forgotten")
@allowed("operator", "member", "merchant")
@audited("thing.forget", own="member")
async def forget(name: str, tx: TxDependency) -> dict[str, str]:
    """Change something, and forget to say so."""
    await _count(tx, name)
    return {"name": name}


class _UndoneError(Exception):
    """Nothing of this stays."""


@router.post("/v1/things/{name}/undone")
@allowed("operator")
@audited("thing.undo")
async def undo(name: str, who: Who, tx: TxDependency) -> None:
    """Change something, and undo what was on record of it."""
    await _count(tx, name)
    with suppress(_UndoneError):
        async with tx.savepoint():
            await record(tx, who, Change("thing.undo", f"thing:{name}"))
            raise _UndoneError


@router.post("/v1/things/{name}/idle")
@allowed("operator")
@audited("thing.look")
async def look(name: str, tx: TxDependency) -> dict[str, int]:
    """Change nothing."""
    return {name: await tx.fetchval("SELECT count(*)::integer FROM counter")}


@router.post("/v1/things/{name}/again")
@allowed("operator")
@audited("thing.repeat")
async def repeat(name: str, tx: TxDependency) -> dict[str, str]:
    """Lock what was changed before, and change nothing: the answer to a command that came twice."""
    await tx.fetch("SELECT counter_id FROM counter WHERE counter_id = $1 FOR NO KEY UPDATE", name)
    return {"name": name}


@router.post("/v1/things/{name}/broken")
@allowed("operator")
@not_audited("it never gets that far")
async def fail(name: str) -> None:
    """Have a bug."""
    raise ZeroDivisionError(name)


service = Service("things", handlers=Handlers(), routes=router, migrations=Path(__file__).parent / "toy_migrations")


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> Pool:
    return await pool_of(service)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool, an_operator()) as client:
        yield client


async def things(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM counter")
    return count


async def test_a_change_that_is_not_on_record_does_not_commit(client: httpx.AsyncClient, pool: Pool) -> None:
    with capture_logs() as lines:
        answer = await client.post("/v1/things/a/forgotten")
    assert (answer.status_code, await things(pool)) == (500, 0)
    assert [line["error"].partition(" at ")[0] for line in lines] == ["UnauditedError"]


async def test_a_row_that_was_undone_does_not_count(client: httpx.AsyncClient, pool: Pool) -> None:
    assert (await client.post("/v1/things/a/undone")).status_code == 500
    assert await things(pool) == 0


@pytest.mark.parametrize("key", [{}, {"idempotency-key": "k"}])
async def test_what_only_locks_needs_no_row(client: httpx.AsyncClient, key: dict[str, str]) -> None:
    await client.post("/v1/things/a/kept")
    assert (await client.post("/v1/things/a/again", headers=key)).status_code == 200


async def test_negative_control_without_the_check_it_commits(
    client: httpx.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unchecked(_tx: Tx) -> None:
        """Look away."""

    monkeypatch.setattr(database, "_require_audit", unchecked)
    assert (await client.post("/v1/things/a/forgotten")).status_code == 200
    assert await things(pool) == 1


@pytest.mark.parametrize(
    ("who", "status"),
    [(an_operator(), 500), (a_merchant("acme"), 500), (a_member("ann"), 200)],
    ids=["staff", "a merchant", "a member"],
)
async def test_only_a_member_needs_no_row_for_their_own(who: Principal, status: int, client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/things/a/forgotten", headers=bearer(who))).status_code == status


async def test_what_changes_nothing_needs_no_row(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/things/a/idle")).json() == {"a": 0}


async def test_an_action_that_the_route_does_not_declare_is_refused(client: httpx.AsyncClient, pool: Pool) -> None:
    assert (await client.post("/v1/things/a/kept?action=thing.steal")).status_code == 500
    assert (await client.post("/v1/things/a/kept?action=thing.reset")).status_code == 200
    assert await things(pool) == 1


async def test_values_that_no_action_shows_are_masked(client: httpx.AsyncClient) -> None:
    await client.post("/v1/things/a/kept")
    (row,) = (await client.get("/operations/audit")).json()["rows"]
    assert (row["before"], row["after"]) == ({"total": 0}, {"total": 1, "phone": "(masked)"})


async def test_pages_of_the_audit_neither_skip_nor_repeat(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await client.post(f"/v1/things/t-{number}/kept")
    seen, cursor = [], ""
    for _ in range(3):
        page = (await client.get(f"/operations/audit?limit=2{cursor and '&cursor=' + cursor}")).json()
        seen += [row["subject"] for row in page["rows"]]
        cursor = page["next_cursor"] or ""
    assert seen == [f"thing:t-{number}" for number in (4, 3, 2, 1, 0)]
    assert cursor == ""


async def test_the_last_full_page_is_marked_as_the_last(client: httpx.AsyncClient) -> None:
    for number in range(2):
        await client.post(f"/v1/things/t-{number}/kept")
    assert (await client.get("/operations/audit?limit=2")).json()["next_cursor"] is None


async def test_the_audit_is_asked_by_actor_action_subject_and_time(client: httpx.AsyncClient) -> None:
    await client.post("/v1/things/a/kept")
    await client.post("/v1/things/b/kept?action=thing.reset", headers=bearer(Principal("otto", "operator")))

    async def found(query: str) -> list[str]:
        return [row["subject"] for row in (await client.get(f"/operations/audit?{query}")).json()["rows"]]

    assert await found("actor=otto") == ["thing:b"]
    assert await found("action=thing.set") == ["thing:a"]
    assert await found("subject=thing:a") == ["thing:a"]
    assert await found("since=2020-01-01T00:00:00Z") == ["thing:b", "thing:a"]
    assert await found("until=2020-01-01T00:00:00Z") == []
    assert await found("actor=otto&action=thing.set") == []


@pytest.mark.parametrize(
    "query",
    [
        "cursor=bm90IG91cnM",
        "cursor=%00",
        "actor=%00",
        "limit=0",
        "nonsense=1",
        "since=1",
        "since=0001-01-01T00:00:00%2B23:59",
        "until=9999-12-31T23:59:59-23:59",
    ],
)
async def test_an_odd_question_to_the_audit_is_refused(query: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/operations/audit?{query}")).status_code == 422


async def test_a_request_keeps_the_id_that_its_caller_gave(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things/a/kept", headers={"lutong-request-id": "shop-7"})
    (row,) = (await client.get("/operations/audit")).json()["rows"]
    assert answer.headers["lutong-request-id"] == row["request_id"] == "shop-7"
    assert row["journey"] == answer.headers["lutong-journey"]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ä", "<script>"])
async def test_an_id_that_is_not_well_formed_is_replaced(given: str, client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez", headers={b"lutong-request-id": given.encode()})
    assert answer.headers["lutong-request-id"] not in {given, ""}


async def test_a_bug_is_found_in_the_log_by_its_reference(client: httpx.AsyncClient) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        answer = await client.post("/v1/things/a/broken", headers={"lutong-journey": "j-1"})
    (line,) = lines
    assert answer.status_code == 500
    assert answer.json()["reference"] == answer.headers["lutong-request-id"] == line["request_id"]
    assert (line["route"], line["subject"]) == ("POST /v1/things/{name}/broken", "olga")
    assert line["journey"] == answer.headers["lutong-journey"] == "j-1"


async def test_every_log_line_of_a_request_has_its_id(client: httpx.AsyncClient) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        answer = await client.get("/operations/audit", headers={"authorization": "Bearer nonsense"})
    assert [line["request_id"] for line in lines] == [answer.headers["lutong-request-id"]]
    assert answer.json()["reference"] == answer.headers["lutong-request-id"]


async def test_a_refusal_names_its_journey(client: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "once"}
    await client.post("/v1/things/a/kept", headers=key)
    refused = await client.post("/v1/things/a/kept?action=thing.reset", headers=key | {"lutong-journey": "j-2"})
    assert refused.json()["type"] == "urn:lutong:problem:key_reused"
    assert refused.headers["lutong-journey"] == "j-2"


async def test_a_replay_names_the_journey_of_the_first_answer(client: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "once"}
    first = await client.post("/v1/things/a/kept", headers=key)
    again = await client.post("/v1/things/a/kept", headers=key | {"lutong-journey": "another"})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["lutong-journey"] == first.headers["lutong-journey"]
    assert len((await client.get("/operations/audit")).json()["rows"]) == 1


async def test_a_reason_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things/a/kept", headers={"lutong-reason": "x" * 501})
    assert answer.json()["type"] == "urn:lutong:problem:bad_reason"


@pytest.mark.parametrize(
    "given", [b"%FF%FE%00", b"\xff\xfe", b"\xe6\xa0\xb8", b"%", b"%zz", b"%1b[31m", b" ", b"%E2%80%AE"]
)
async def test_no_reason_makes_a_bug(given: bytes, client: httpx.AsyncClient) -> None:
    await client.post("/v1/things/a/kept", headers={b"lutong-reason": b"why" + given})
    (row,) = (await client.get("/operations/audit")).json()["rows"]
    assert row["reason"].startswith("why")
    assert row["reason"].isprintable()
