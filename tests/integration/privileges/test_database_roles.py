"""What a running service may do in its database, and what it may not, tried out as its own role."""

import asyncpg
import pytest

from lutong_chassis import migrate
from lutong_chassis.grants import VERIFIER
from lutong_console import credentials
from lutong_contracts.topics import SERVICES
from tests.support.acl_stack import AclStack, create_databases

OF_THE_OWNER = [
    # An intruder must not change what there is.
    ("feed", "CREATE TABLE mine (id integer)"),
    ("feed", "CREATE TEMP TABLE mine (id integer)"),
    ("feed", "CREATE SCHEMA mine"),
    ("feed", "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'"),
    ("feed", "CREATE INDEX mine ON post (text)"),
    (
        "feed",
        "CREATE TRIGGER mine BEFORE INSERT ON post FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ),
    ("feed", "ALTER TABLE post ADD COLUMN mine integer"),
    ("feed", "ALTER TABLE post DISABLE TRIGGER USER"),
    ("feed", "DROP TABLE post CASCADE"),
    ("feed", "DROP FUNCTION keep_outbox_days(interval)"),
    ("feed", "SELECT forget_facts('engagement_fact', '2100-01-01')"),
    ("feed", "DELETE FROM engagement_fact"),
    ("registry", "UPDATE usage_fact SET amount_minor = 1"),
    # A secret is made by its owner, and read by its service alone.
    ("feed", "INSERT INTO touch_secret DEFAULT VALUES"),
    ("feed", "DELETE FROM touch_secret"),
    ("feed", "TRUNCATE post CASCADE"),
    # What was said stays said, and what was done stays on record.
    ("feed", "UPDATE outbox SET payload = '{}'"),
    ("feed", "DELETE FROM outbox"),
    ("feed", "TRUNCATE outbox"),
    ("feed", "DROP TABLE outbox_default"),
    ("feed", "ALTER TABLE outbox DETACH PARTITION outbox_default"),
    ("feed", "UPDATE audit SET reason = 'another'"),
    ("feed", "DELETE FROM audit"),
    ("membership", "UPDATE audit SET before = after, actor = 'another'"),
    ("inventory", "ALTER TABLE audit DROP COLUMN request_id"),
    ("registry", "TRUNCATE audit"),
    ("feed", "DELETE FROM migration"),
    ("feed", "INSERT INTO migration VALUES ('feed', 9, 'x', 'x')"),
    # The books and the movements of stock are only added to.
    ("membership", "UPDATE accrual SET times = 1"),
    ("membership", "UPDATE decision SET decided_by = 'x'"),
    ("membership", "UPDATE plan_version SET terms = NULL"),
    ("membership", "ALTER TABLE entry DISABLE TRIGGER entry_immutable"),
    ("membership", "ALTER TABLE posting DISABLE TRIGGER posting_balanced"),
    ("membership", "DROP TRIGGER entry_immutable ON entry"),
    (
        "membership",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ),
    ("inventory", "UPDATE movement SET on_hand_delta = 1"),
    ("inventory", "DELETE FROM movement"),
    ("inventory", "ALTER TABLE movement DISABLE TRIGGER movement_immutable"),
    ("inventory", "ALTER TABLE shelf DROP CONSTRAINT shelf_check"),
]
OF_NOBODY = [
    # A migration took these rights from the owner too.
    ("membership", "UPDATE entry SET kind = 'another'"),
    ("membership", "DELETE FROM entry"),
    ("membership", "UPDATE posting SET amount_minor = 1"),
    ("membership", "DELETE FROM posting"),
    ("membership", "TRUNCATE entry CASCADE"),
]
OF_THE_SUPERUSER = [
    # Nor become another role, nor look at the machine.
    ("feed", "ALTER TABLE post OWNER TO feed"),
    ("membership", "SET session_replication_role = replica"),
    ("registry", "SET ROLE registry_owner"),
    ("registry", "CREATE ROLE mine"),
    ("registry", "CREATE DATABASE mine"),
    ("registry", "ALTER ROLE registry SUPERUSER"),
    ("registry", "COPY program TO PROGRAM 'cat'"),
    ("registry", "COPY program FROM '/etc/passwd'"),
    ("registry", "SELECT pg_read_file('/etc/passwd')"),
    ("registry", "SELECT rolpassword FROM pg_authid"),
    ("registry", "ALTER SYSTEM SET fsync = off"),
]
READERS_MUST_NOT = ["INSERT INTO audit (actor, action, subject, reason) VALUES ('a', 'b', 'c', 'd')", "DELETE FROM inbox",
                    "UPDATE stream SET version = 0", "SELECT keep_outbox_days('7 days')", "SELECT nextval('outbox_id')",
                    "CREATE TABLE mine (id integer)"]  # fmt: skip


@pytest.mark.parametrize(("service", "statement"), [*OF_THE_OWNER, *OF_NOBODY, *OF_THE_SUPERUSER])
async def test_a_running_service_is_forbidden(databases: AclStack, service: str, statement: str) -> None:
    assert await denied(databases.database_url(service, service), statement)


@pytest.mark.parametrize(("service", "statement"), OF_NOBODY)
async def test_the_ledger_cannot_be_changed_by_its_owner(databases: AclStack, service: str, statement: str) -> None:
    assert await denied(databases.database_url(service, f"{service}_owner"), statement)


@pytest.mark.parametrize("statement", READERS_MUST_NOT)
@pytest.mark.parametrize("service", SERVICES)
async def test_the_verifier_only_reads(databases: AclStack, service: str, statement: str) -> None:
    assert await denied(databases.database_url(service, VERIFIER), statement)


async def denied(url: str, statement: str) -> bool:
    """Whether a statement fails for want of a right. It never takes effect."""
    connection = await asyncpg.connect(url)
    attempt = connection.transaction()
    if not statement.startswith(("ALTER SYSTEM", "CREATE DATABASE")):  # not in a transaction, ever
        await attempt.start()
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return error.sqlstate == "42501"
    finally:
        await connection.close()
    return False


async def test_the_same_statements_are_not_forbidden_to_the_owner(databases: AclStack) -> None:
    """The control: what is denied above is denied by rights, not by mistakes in writing."""
    mistaken = [
        statement
        for service, statement in OF_THE_OWNER
        if await denied(databases.database_url(service, f"{service}_owner"), statement)
    ]
    assert mistaken == []


async def test_one_services_password_opens_no_other_database(databases: AclStack) -> None:
    for service in SERVICES:
        for other in SERVICES:
            if other != service:
                for role in (service, f"{service}_owner"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await asyncpg.connect(databases.database_url(other, role))
    of_feed = credentials.read(databases.secrets, credentials.postgres_file("feed"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(databases.database_url("registry", "registry"), password=of_feed)


async def test_rights_are_what_is_declared_for_every_table(databases: AclStack) -> None:
    """The catalogue says what the code meant: also for tables that nobody thought of here."""
    for service in SERVICES:
        connection = await asyncpg.connect(databases.database_url(service, VERIFIER))
        rows = await connection.fetch(
            """
            SELECT relname AS name, role, string_agg(privilege_type, ',' ORDER BY privilege_type) AS privileges
              FROM pg_class
             CROSS JOIN unnest($1::text[]) AS role
              LEFT JOIN LATERAL aclexplode(relacl) AS granted ON grantee = role::regrole
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
             GROUP BY relname, role
            """,
            [service, VERIFIER],
        )
        await connection.close()
        appended = {"outbox", "audit", "entry", "posting", "movement", "accrual", "plan_version", "decision"}
        secret = {row["name"] for row in rows if row["name"].endswith("_secret")}
        wanted = {
            row["name"]: "SELECT" if row["name"] in {"migration", *secret}
            else "DELETE,INSERT,SELECT" if row["name"] == "rejected"
            else "INSERT,SELECT" if row["name"] in appended or row["name"].endswith("_fact")
            else "DELETE,INSERT,SELECT,UPDATE"
            for row in rows
        }  # fmt: skip
        assert {row["name"]: row["privileges"] for row in rows if row["role"] == service} == wanted
        of_verifier = {row["name"]: row["privileges"] for row in rows if row["role"] == VERIFIER}
        assert {of_verifier[name] for name in of_verifier if name not in secret} == {"SELECT"}
        assert {of_verifier[name] for name in secret} <= {None}


async def test_the_running_service_may_drop_old_days_but_not_today(databases: AclStack) -> None:
    connection = await asyncpg.connect(databases.database_url("feed", "feed"))
    try:
        await connection.execute("SELECT keep_outbox_days('7 days')")
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await connection.execute("SELECT keep_outbox_days('0 days')")
        await connection.execute("SELECT keep_fact_days('400 days')")
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await connection.execute("SELECT keep_fact_days('29 days')")
    finally:
        await connection.close()


def test_making_them_again_changes_nothing(databases: AclStack) -> None:
    assert "all roles and databases are there" in create_databases(databases).stdout


async def test_the_server_never_sees_a_password(databases: AclStack) -> None:
    connection = await asyncpg.connect(databases.stack.admin_url)
    kept = await connection.fetch("SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")
    await connection.close()
    assert {row["rolname"] for row in kept} == {*credentials.ROLES, credentials.SUPERUSER}
    assert all(row["rolpassword"].startswith("SCRAM-SHA-256$") for row in kept)


def test_a_missing_secret_is_named(databases: AclStack) -> None:
    url = f"postgresql://postgres@{databases.postgres}/postgres"
    done = databases.lutong("admin", "databases", "apply", "--url", url, "--secrets", str(databases.secrets / "none"))
    assert done.returncode == 2
    assert "lutong init --add-missing" in done.stderr


async def test_a_service_waits_until_its_owner_has_migrated(databases: AclStack) -> None:
    from lutong_feed.app import service

    later = migrate.Migration("feed", 99, "not_yet", "SELECT 1")
    connection = await asyncpg.connect(databases.database_url("feed", "feed"))
    try:
        await migrate.require(connection, service.migrations)
        with pytest.raises(migrate.NotMigratedError, match=r"0099_not_yet\.sql is missing: run `migrate`"):
            await migrate.require(connection, [*service.migrations, later])
    finally:
        await connection.close()
