"""A restore ends as docs/deploy.md says, also of a backup that is older than every deadline; what cannot be restored changes nothing."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from lutong_chassis.testing import url_of
from lutong_console import backups, restoring
from lutong_console.cli.commands import backup
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.errors import ConsoleError
from lutong_console.places import of_stack
from lutong_console.targets import Suite
from lutong_contracts.topics import SERVICES
from lutong_local.stack import Stack, start_service, stop_service, wait_until_ready
from tests.e2e.conftest import walking
from tests.support.command_line import Lutong
from tests.support.harness import until
from tests.support.stacks import a_stack

pytestmark = pytest.mark.timeout(240)

KEY, OTHER = "a1" * 32, "b2" * 32


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_stack(tmp_path_factory.mktemp("restored")) as running:
        yield running


@pytest.fixture(scope="module")
def lutong(stack: Stack) -> Lutong:
    return Lutong(os.environ | {"LUTONG_HOME": str(stack.directory.parent), "LUTONG_TARGET": stack.directory.name})


async def _stop(stack: Stack) -> None:
    await asyncio.gather(*(asyncio.to_thread(stop_service, stack, service) for service in SERVICES))


async def _start(stack: Stack) -> None:
    for service in SERVICES:
        start_service(stack, service, dies_with_parent=True)
    await asyncio.to_thread(wait_until_ready, stack, SERVICES, lambda _: None)


async def _change(stack: Stack, sql: str) -> None:
    for service in SERVICES:
        connection = await asyncpg.connect(url_of(stack.admin_url, service))
        await connection.execute(sql)
        await connection.close()


async def _in_inventory(stack: Stack, sql: str) -> Any:  # noqa: ANN401  # a column can be anything
    connection = await asyncpg.connect(url_of(stack.admin_url, "inventory"))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def _rows(stack: Stack, sql: str) -> list[Any]:
    found = []
    for service in SERVICES:
        connection = await asyncpg.connect(url_of(stack.admin_url, service))
        found.append(await connection.fetchval(sql))
        await connection.close()
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old_backup(stack: Stack, lutong: Lutong, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """Of a suite in the middle of its work, and as old as if all deadlines had passed since; Kafka has seen more than it knows."""
    directory = tmp_path_factory.mktemp("backups")
    (directory / "key").write_text(KEY)
    (directory / "other").write_text(OTHER)
    async with walking(Suite.of(stack)) as people:
        await ROADS[1].walk(people["b"])
        half = people["c"]
        await half.publish("watsons", "面膜，先享后付", "demo-watsons")
        await half.tap()
        await half.order("mask", 1)
        await half.until("OrderSourced")
        await _stop(stack)
        await _change(stack, "UPDATE deadline SET due_at = due_at - interval '400 days'")
        await _in_inventory(stack, "INSERT INTO vault_key VALUES ('m-9', 'a-master', 'a-wrapped-key')")
        made = await asyncio.to_thread(lutong, "backup", str(directory / "old"), "--key", str(directory / "key"))
        assert made.returncode == 0, made.stderr
        await _change(stack, "UPDATE deadline SET due_at = due_at + interval '400 days'")
        await _start(stack)
    async with walking(Suite.of(stack)) as later:
        await ROADS[1].walk(later["b"])
    yield directory
    shutil.rmtree(directory)


async def _restored(stack: Stack, lutong: Lutong, backup: Path) -> None:
    """The documented way; the servers may have another Kafka afterwards."""
    await _stop(stack)
    options = ("--replace", "--new-kafka", "--key", str(backup / "key"))
    done = await asyncio.to_thread(lutong, "restore", str(backup / "old"), *options, timeout_s=120)
    assert done.returncode == 0, done.stderr
    stack.children["kafka"] = _loaded(stack).children["kafka"]


def _loaded(stack: Stack) -> Stack:
    from lutong_local.stack import load

    found = load(stack.directory)
    assert found
    return found


@pytest.mark.asyncio(loop_scope="module")
async def test_what_cannot_be_restored_is_refused_and_changes_nothing(
    stack: Stack, lutong: Lutong, old_backup: Path
) -> None:
    await _stop(stack)
    before = await _rows(stack, "SELECT count(*) FROM outbox")
    copies = {name: old_backup / name for name in ("cut", "newer", "ancient")}
    for copy in copies.values():
        shutil.copytree(old_backup / "old", copy)
    with (copies["cut"] / "feed.dump").open("r+b") as file:
        file.truncate(1_000)
    manifest = json.loads((old_backup / "old" / "manifest.json").read_text())
    feed = manifest["migrations"]["feed"]
    newer = manifest | {"release": "9.0.0", "migrations": {"feed": feed | {"feed 9999": "x"}}}
    (copies["newer"] / "manifest.json").write_text(json.dumps(newer))
    ancient = {name: manifest[name] for name in ("made_at", "sha256", "key")}
    (copies["ancient"] / "manifest.json").write_text(json.dumps(ancient))
    key, other = ("--key", str(old_backup / "key")), ("--key", str(old_backup / "other"))
    refused = {
        ("cut", *key, "--replace", "--new-kafka"): "its checksum differs",
        ("old", "--replace", "--new-kafka"): "the backup is encrypted",
        ("old", *other, "--replace", "--new-kafka"): "encrypted with another key",
        ("newer", *key, "--replace", "--new-kafka"): "has migration feed 9999",
        ("ancient", *key, "--replace", "--new-kafka"): "cannot start quiet",
        ("old", *key, "--replace"): "it must be a new one",
        ("old", *key): "is in use",
    }
    for (name, *options), words in refused.items():
        done = await asyncio.to_thread(lutong, "restore", str(old_backup / name), *options)
        assert (done.returncode in {1, 2}, words in done.stderr) == (True, True), (name, options, done.stderr)
    assert await _rows(stack, "SELECT count(*) FROM outbox") == before
    assert await restoring.events_of(stack.kafka) > 0


@pytest.mark.asyncio(loop_scope="module")
async def test_services_that_speak_before_all_is_carried_again_break_order(
    stack: Stack, lutong: Lutong, old_backup: Path
) -> None:
    """The negative control of the next test: what a restore ended with when services were not quiet."""
    await _restored(stack, lutong, old_backup)
    assert (
        await _in_inventory(stack, "SELECT count(*) FROM vault_key WHERE member_id = 'm-9'") == 1
    )  # from a file of their own
    (old_backup / "old" / "inventory.vault-keys.dump").unlink()  # it may be thrown away: the next test restores without
    await _change(stack, "DELETE FROM pending; UPDATE quiet SET ended_at = now()")
    await _start(stack)

    async def spoke() -> bool:
        return await restoring.events_of(stack.kafka) > 0 and not any(
            await _rows(stack, "SELECT count(*) FROM deadline WHERE due_at < now()")
        )

    await until(spoke, "deadlines fall due")
    assert (await asyncio.to_thread(lutong, "republish", "--since", "7d", "--reason", "too late")).returncode == 0
    done = await asyncio.to_thread(lutong, "verify", "--json")
    assert "V1" in {each["identity"] for each in json.loads(done.stdout)["violations"]}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_backup_older_than_every_deadline_ends_without_a_violation(
    stack: Stack, lutong: Lutong, old_backup: Path
) -> None:
    await _restored(stack, lutong, old_backup)
    assert await _in_inventory(stack, "SELECT count(*) FROM vault_key") == 0
    await _start(stack)
    assert sum(await _rows(stack, "SELECT count(*) FROM deadline WHERE due_at < now()")) > 0
    assert await restoring.events_of(stack.kafka) == 0
    quiet = json.loads((await asyncio.to_thread(lutong, "doctor", "--json")).stdout)
    assert sorted(each["what"].partition(" ")[0] for each in quiet if "quiet since" in each["what"]) == sorted(SERVICES)
    assert all("lutong resume" in each["then"] for each in quiet)

    resumed = await asyncio.to_thread(lutong, "resume", "--reason", "restored", "--json")
    assert all(json.loads(resumed.stdout)["was_quiet_since"].values()), resumed.stderr
    done = await asyncio.to_thread(lutong, "verify", "--json", timeout_s=120)
    assert json.loads(done.stdout)["violations"] == []
    assert not any(await _rows(stack, "SELECT count(*) FROM deadline WHERE due_at < now()"))

    async def well() -> bool:
        return (await asyncio.to_thread(lutong, "doctor", "--json")).stdout == "[]\n"

    await until(well, "the doctor finds nothing")
    async with walking(Suite.of(stack)) as people:
        await ROADS[1].walk(people["b"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_folder_keeps_the_newest_backups_that_can_be_restored(
    stack: Stack, lutong: Lutong, tmp_path: Path
) -> None:
    await _stop(stack)
    (tmp_path / "2020-01-01T000000Z").mkdir()  # a backup that was cut short: it has no manifest, and is left alone
    folder = ("backup", str(tmp_path), "--keep", "1", "--test", "--json")
    first, second = [json.loads((await asyncio.to_thread(lutong, *folder)).stdout) for _ in range(2)]
    events = sum(await _rows(stack, "SELECT count(*) FROM outbox"))
    assert (first["tested_events"], second["tested_events"]) == (events, events)
    assert (first["removed"], second["removed"]) == ([], [first["directory"]])
    assert [path.name for path in backups.in_folder(tmp_path)] == [Path(second["directory"]).name]
    assert await _rows(stack, "SELECT count(*) FROM pg_database WHERE datname LIKE '%tested'") == [0] * len(SERVICES)

    newest = Path(second["directory"])
    with (newest / "feed.dump").open("r+b") as file:
        file.truncate(2_000)
    manifest = json.loads((newest / "manifest.json").read_text())
    manifest["sha256"]["feed"] = backups.sha256(newest / "feed.dump")  # as if it was cut while it was written
    (newest / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConsoleError, match="pg_restore of feed_tested"):
        await asyncio.to_thread(backup._tested, of_stack(stack), newest, None)


@pytest.mark.asyncio(loop_scope="module")
async def test_databases_that_postgresql_restored_itself_go_on_in_place(stack: Stack, lutong: Lutong) -> None:
    await _stop(stack)
    events = sum(await _rows(stack, "SELECT count(*) FROM outbox"))
    used = await asyncio.to_thread(lutong, "restore", "--in-place")
    assert "it must be a new one" in used.stderr
    done = await asyncio.to_thread(lutong, "restore", "--in-place", "--new-kafka", "--json", timeout_s=120)
    assert json.loads(done.stdout)["events"] == events
    stack.children["kafka"] = _loaded(stack).children["kafka"]
    await _start(stack)
    assert (await asyncio.to_thread(lutong, "resume", "--reason", "a point in time")).returncode == 0
    verified = await asyncio.to_thread(lutong, "verify", "--json", timeout_s=120)
    assert json.loads(verified.stdout)["violations"] == []
