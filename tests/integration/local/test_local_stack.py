"""The local stack: real servers on free ports, each service its own database, nothing left behind."""

import asyncio
import os
import platform
import shutil
import signal
import socket
import sys
from pathlib import Path

import asyncpg
import pytest

from lutong_contracts.topics import SERVICES
from lutong_local import ports
from lutong_local.ports import PORTS, free_port, is_free
from lutong_local.postgres import create_service_databases, data_directory, left_behind
from lutong_local.processes import Command, LocalError, start, stop, wait, wait_for
from lutong_local.stack import Stack, down, infrastructure, load, save, start_infrastructure, start_replica


def test_two_stacks_run_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    with infrastructure(tmp_path / "one") as one, infrastructure(tmp_path / "two") as two:
        children = [*one.children.values(), *two.children.values()]
        assert len({*one.ports.values(), *two.ports.values()}) == 2 * (3 + len(SERVICES))
        assert all(child.alive for child in children)
        asyncio.run(roles_are_separate(one.admin_url))
        asyncio.run(text_is_compared_by_bytes(one.admin_url))
    assert not any(child.alive for child in children)
    assert not (tmp_path / "one").exists()


async def roles_are_separate(admin_url: str) -> None:
    passwords = await create_service_databases(admin_url, ("feed", "registry"))
    place = admin_url.rpartition("@")[2].partition("/")[0]
    mine = await asyncpg.connect(f"postgresql://feed:{passwords['feed']}@{place}/feed")
    await mine.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(f"postgresql://feed:{passwords['feed']}@{place}/registry")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://feed:wrong@{place}/feed")


async def text_is_compared_by_bytes(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url)
    await connection.execute("CREATE DATABASE made_later")
    providers = await connection.fetch("SELECT DISTINCT datlocprovider::text || ' ' || datlocale FROM pg_database")
    await connection.close()
    assert [row[0] for row in providers] == ["b C.UTF-8"]


def test_data_and_ports_survive_down_and_up(tmp_path: Path) -> None:
    async def run(url: str, sql: str) -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    home = tmp_path / "路通 测试, a"  # Kafka takes a comma for the end of a path, and its settings for Latin-1
    with infrastructure(home) as stack:
        ports = dict(stack.ports)
        asyncio.run(run(stack.admin_url, "CREATE TABLE kept AS SELECT 42 AS answer"))
        down(stack, lambda _: None)
        save(stack)
        again = load(home)
        assert again is not None
        start_infrastructure(again, lambda _: None, dies_with_parent=True)
        stack.children |= again.children
        assert again.ports == ports
        assert asyncio.run(run(again.admin_url, "SELECT answer FROM kept")) == 42
    assert [path.name for path in tmp_path.iterdir() if any(path.iterdir())] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root the cluster is not in the stack's directory")
def test_a_stack_that_was_removed_by_hand_is_refused_until_purged(tmp_path: Path) -> None:
    """It was waited for: PostgreSQL ran, and refused a password that it had never been given."""
    home = tmp_path / "removed"
    with infrastructure(home) as stack:
        down(stack, lambda _: None)
        shutil.rmtree(home)
        again = Stack(home)
        with pytest.raises(LocalError, match="is gone with the stack's directory"):
            start_infrastructure(again, lambda _: None, dies_with_parent=True)
        assert again.children == {}
        down(again, lambda _: None, purge=True)
        start_infrastructure(again, lambda _: None, dies_with_parent=True)
        stack.children |= again.children


def test_an_empty_place_for_a_cluster_is_not_one_that_was_left(tmp_path: Path) -> None:
    """A disk that is mounted for the cluster is there before the cluster is."""
    place = data_directory(tmp_path)
    place.mkdir()
    assert not left_behind(tmp_path, "")
    (place / "PG_VERSION").write_text("18")
    assert left_behind(tmp_path, "")
    assert not left_behind(tmp_path, "the password is known")
    shutil.rmtree(place)


def test_the_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with infrastructure(tmp_path) as stack:
        assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0
        if os.geteuid() == 0:
            owner = Path(f"/proc/{stack.children['postgres'].pid}").stat().st_uid
            assert owner != 0


def test_a_replica_leaves_what_the_stack_names(tmp_path: Path) -> None:
    """A load that read the file while a replica's port stood in it asked a dead port for ever."""
    stack = Stack(
        tmp_path,
        {"kafka": free_port(), "feed": free_port()},
        database_urls={"feed": "postgresql://nobody@127.0.0.1:1/feed"},
    )
    save(stack)
    before = (tmp_path / "stack.json").read_bytes()
    port = free_port()
    replica = start_replica(stack, "feed", {"LUTONG_HTTP_PORT": str(port)})
    try:
        given = Path(f"/proc/{replica.pid}/environ")
        wait_for(replica, "the replica", lambda: given.read_bytes() != b"")  # `start` may return before exec has set it
        assert f"LUTONG_HTTP_PORT={port}".encode() in given.read_bytes().split(b"\0")
        assert ((tmp_path / "stack.json").read_bytes(), stack.children) == (before, {})
    finally:
        stop(replica)


def test_a_process_that_dies_while_starting_shows_its_logs_end(tmp_path: Path) -> None:
    child = start(Command(["/bin/sh", "-c", "echo out of luck; exit 3"], os.environ, tmp_path / "log"))
    with pytest.raises(LocalError, match=r"it stopped while starting; the end of .*log:\nout of luck"):
        wait_for(child, "it", lambda: False, timeout_s=10)


def test_a_process_that_will_not_stop_is_made_to(tmp_path: Path) -> None:
    child = start(
        Command(["/bin/sh", "-c", "trap '' TERM; echo on; while :; do sleep 0.1; done"], os.environ, tmp_path / "log")
    )
    wait_for(child, "it", lambda: "on" in (tmp_path / "log").read_text())
    stop(child, timeout_s=0.5)
    assert not child.alive


_FIRST_THREAD_ENDS = """
import ctypes, socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
threading.Thread(target=time.sleep, args=(60,)).start()
print("on", flush=True)
ctypes.CDLL(None).syscall(60, 0)  # exit of this thread, and of no other
"""


@pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.platform != "linux",
    reason="it ends one thread by the number of a system call, which is that of Linux on x86-64",
)
def test_a_process_whose_first_thread_ended_is_alive(tmp_path: Path) -> None:
    """It was taken for dead, and what came after it found its port taken: chaos ended with a service that did not start."""
    port = free_port()
    child = start(Command([sys.executable, "-c", _FIRST_THREAD_ENDS, str(port)], os.environ, tmp_path / "log"))
    wait_for(child, "it", lambda: "on" in (tmp_path / "log").read_text())
    assert wait(lambda: " Z " in Path(f"/proc/{child.pid}/stat").read_text())
    assert [child.alive, is_free(port)] == [True, False]
    stop(child, signal.SIGKILL)
    assert [child.alive, is_free(port)] == [False, True]


def test_no_outgoing_connection_is_given_a_port_that_we_chose() -> None:
    """It may be the port of a service by the time that this listens."""
    system = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not system.exists():
        pytest.skip("only Linux says which ports it gives to connections")
    first = int(system.read_text(encoding="utf-8").split()[0])
    if first < PORTS.stop:
        pytest.skip(f"here the system gives ports from {first} on to connections")

    assert max(free_port() for _ in range(100)) < first


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = next(port for port in range(PORTS.stop, PORTS.stop + 500, 3) if all(map(is_free, range(port, port + 3))))
    monkeypatch.setattr(ports, "PORTS", range(first, first + 3))
    with socket.socket(type=socket.SOCK_DGRAM) as another:  # as another process holds one
        another.bind(("127.0.0.1", first))
        assert {free_port(), free_port()} == {first + 1, first + 2}


def test_a_port_that_is_taken_is_noticed() -> None:
    port = free_port()
    assert is_free(port)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert not is_free(port)
