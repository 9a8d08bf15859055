"""Connections to a real PostgreSQL whose statements take no virtual time, and come when the schedule lets them.

Each statement runs to its end on a loop of its own while everything else stands still, so the order of statements is that of
the schedule. One that waits for a lock is left to wait; when a statement of another connection lets it go on, it does.
"""

import asyncio
import os
from asyncio import events
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from socket import SO_RCVTIMEO, SOL_SOCKET
from struct import pack
from typing import Any, Final, TypeAlias

import asyncpg

from tests.simulator.virtual import EPOCH_S

_LOOK_S: Final = 0.004
"""A statement that takes longer in real time may be waiting for a lock: PostgreSQL is asked."""
_READ_MAX: Final = 65_536
"""Bytes of a read: for asyncio's 256 KiB the machine would map memory anew each time."""
EPOCH: Final = datetime.fromtimestamp(EPOCH_S, UTC)
_SESSION: Final = {
    "application_name": "simulator",
    "timezone": "UTC",
    "enable_seqscan": "off",
    "jit": "off",
    "synchronous_commit": "off",
    "plan_cache_mode": "force_generic_plan",
    "deadlock_timeout": "1ms",  # the one that closes a circle of waiting fails
    "search_path": "sim, pg_catalog, public",  # its now() and clock_timestamp() come first
    "sim.now": EPOCH.isoformat(),
}

Real: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(slots=True, eq=False)
class Statement:
    """A statement under way on a real connection."""

    connection: Real
    coro: Coroutine[Any, Any, Any]
    waits_for: "asyncio.Future[Any] | None" = None
    done: bool = False
    value: Any = None
    error: BaseException | None = None
    released: "asyncio.Future[None] | None" = None
    """Set, in virtual time, when it no longer waits for a lock."""

    def advance(self) -> None:
        """Go on as far as the server has answered."""
        while not self.done and (self.waits_for is None or self.waits_for.done()):
            try:
                self.waits_for = self.coro.send(None)
            except StopIteration as end:
                self.done, self.value = True, end.value
            except BaseException as error:
                self.done, self.error = True, error
            else:
                self.waits_for._asyncio_future_blocking = False  # as a task would

    def result(self) -> Any:  # noqa: ANN401  # what the statement gives
        if self.error is not None:
            raise self.error
        return self.value


def _transport(connection: Real) -> Any:  # noqa: ANN401  # asyncio's, with what is private to it
    return connection._transport  # type: ignore[attr-defined]  # asyncpg's types leave it out


def _wait_in_reads(connection: Real) -> None:
    """Have reads of its socket wait for an answer, as long as `_LOOK_S`; asyncio's would come back at once."""
    transport = _transport(connection)
    transport.max_size = _READ_MAX
    its_socket = transport.get_extra_info("socket")
    os.set_blocking(its_socket.fileno(), True)
    its_socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("ll", 0, int(_LOOK_S * 1_000_000)))


class Engine:
    """Real connections to one database, used again from schedule to schedule, and the statements that wait for locks."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._url = url
        self._idle: list[Real] = []
        self._blocked: list[Statement] = []
        self._asker: Real = self.connect()
        self.statements = 0
        self.trace = sha256()
        """Of every statement, in order, with its time and its process: equal for equal schedules."""

    def connect(self) -> Real:
        """A new connection, as services make them (`connecting._own_pool`), with a clock that schedules set.

        Its server runs on the cores of this process: on one core, a question and its answer take two thirds of the time.
        """
        simulated = events._get_running_loop()
        events._set_running_loop(None)
        try:
            connection = self._loop.run_until_complete(asyncpg.connect(self._url, server_settings=_SESSION))
        finally:
            events._set_running_loop(simulated)
        _wait_in_reads(connection)
        with suppress(AttributeError, OSError):  # there is no such thing everywhere, or it is not ours to say
            os.sched_setaffinity(connection.get_server_pid(), os.sched_getaffinity(0))
        return connection

    def close(self) -> None:
        """Close all connections."""
        for connection in [*self._idle, self._asker]:
            connection.terminate()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def ask(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Rows, for the judgement: beside all processes, at once."""
        return self._finish(Statement(self._asker, self._asker.fetch(sql, *args))).result()  # type: ignore[no-any-return]

    def tell(self, sql: str) -> None:
        """Run a script, beside all processes."""
        self._finish(Statement(self._asker, self._asker.execute(sql))).result()

    def lease(self) -> Real:
        """A connection with a clean session."""
        return self._idle.pop() if self._idle else self.connect()

    def give_back(self, connection: Real, *, locked: bool) -> None:
        """End what the session holds, as closing it would."""
        for statement in [waiting for waiting in self._blocked if waiting.connection is connection]:
            self.cancel(statement)
        if connection.is_in_transaction():
            self._finish(Statement(connection, connection.execute("ROLLBACK")))
        if locked:
            self._finish(Statement(connection, connection.execute("SELECT pg_advisory_unlock_all()")))
        self._idle.append(connection)
        self.let_go_on()

    def start(self, connection: Real, coro: Coroutine[Any, Any, Any]) -> Statement:
        """Run a statement until it is done or waits for a lock."""
        self.statements += 1
        statement = Statement(connection, coro)
        if not self._run(statement):
            self._blocked.append(statement)
        return statement

    def cancel(self, statement: Statement) -> None:
        """Have the server give a statement up."""
        self._blocked.remove(statement)
        self.ask("SELECT pg_cancel_backend($1)", statement.connection.get_server_pid())
        self._finish(statement)

    def let_go_on(self) -> None:
        """After something that may have ended a lock: whatever waited for it goes on, in the order in which it began to."""
        for statement in list(self._blocked):
            if self._run(statement):
                self._blocked.remove(statement)
                if statement.released and not statement.released.done():
                    statement.released.set_result(None)

    def _run(self, statement: Statement) -> bool:
        """Whether it is done; if not, it waits for a lock."""
        while not self._pump(statement):
            if self.ask("SELECT FROM unnest(pg_blocking_pids($1))", statement.connection.get_server_pid()):
                return False
        return True

    def _finish(self, statement: Statement) -> Statement:
        while not self._pump(statement):
            pass
        return statement

    def _pump(self, statement: Statement) -> bool:
        """Serve its connection until the statement is done, or nothing came for a moment of real time.

        Its socket waits by itself (`connect`), so that a statement and its answer are two calls of the machine and no turn
        of a loop: what asyncpg puts off until the next one is run behind them.
        """
        simulated = events._get_running_loop()
        events._set_running_loop(self._loop)
        ready = self._loop._ready  # type: ignore[attr-defined]  # of asyncio's loop
        read = _transport(statement.connection)._read_ready
        try:
            statement.advance()
            while not statement.done:
                before = statement.waits_for
                read()
                while ready:
                    handle = ready.popleft()
                    if not handle.cancelled():
                        handle._run()
                statement.advance()
                if statement.waits_for is before:
                    break
        finally:
            events._set_running_loop(simulated)
        return statement.done
