"""Connections to a real PostgreSQL whose statements take no virtual time, and come when the schedule lets them.

Each statement runs to its end on a loop of its own while everything else stands still, so the order of statements is that of
the schedule. One that waits for a lock is left to wait; when a statement of another connection lets it go on, it does.
"""

import asyncio
from asyncio import events
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, TypeAlias

import asyncpg

from tests.simulator.virtual import EPOCH_S, Process, VirtualLoop

_LOOK_S: Final = 0.004
"""A statement that takes longer in real time may be waiting for a lock: PostgreSQL is asked."""
_LATENCY_S: Final = 0.02
EPOCH: Final = datetime.fromtimestamp(EPOCH_S, UTC)
_SESSION: Final = {
    "application_name": "simulator",
    "timezone": "UTC",
    "enable_seqscan": "off",
    "jit": "off",
    "synchronous_commit": "off",
    "deadlock_timeout": "1ms",  # whoever closes a circle of waiting is the one that fails
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
                self.waits_for._asyncio_future_blocking = False  # type: ignore[union-attr]  # as a task would

    def result(self) -> Any:  # noqa: ANN401  # what the statement gives
        if self.error is not None:
            raise self.error
        return self.value


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
        """A new connection, as services make them (`database._create_pool`), with a clock that schedules set."""
        simulated = events._get_running_loop()
        events._set_running_loop(None)
        try:
            return self._loop.run_until_complete(asyncpg.connect(self._url, server_settings=_SESSION))
        finally:
            events._set_running_loop(simulated)

    def close(self) -> None:
        """Close all connections."""
        for connection in [*self._idle, self._asker]:
            connection.terminate()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def ask(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Rows, for whoever judges: beside all processes, at once."""
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
        """Serve the connections for a moment of real time, or until a statement is done."""
        simulated = events._get_running_loop()
        events._set_running_loop(self._loop)
        over = False

        def end() -> None:
            nonlocal over
            over = True

        moment = self._loop.call_later(_LOOK_S, end)
        try:
            statement.advance()
            while not (statement.done or over):
                self._loop._run_once()  # type: ignore[attr-defined]
                statement.advance()
        finally:
            moment.cancel()
            events._set_running_loop(simulated)
        return statement.done


class SimConnection:
    """A connection of a simulated process: what the chassis asks of asyncpg's, with virtual latency and faults."""

    def __init__(self, pool: "SimPool") -> None:
        self.pool = pool
        self.real: Real | None = pool.engine.lease()
        self.locked = False
        self.in_transaction = 0
        self.generation = pool.generation

    def is_closed(self) -> bool:
        return self.real is None

    def is_in_transaction(self) -> bool:
        return self.in_transaction > 0

    def terminate(self) -> None:
        """Close it: the server rolls back and lets go of the session's locks."""
        if self.real is not None:
            real, self.real = self.real, None
            self.pool.open.pop(self, None)
            self.pool.engine.give_back(real, locked=self.locked)

    async def reset(self) -> None:
        if self.in_transaction:
            await self.execute("ROLLBACK")
            self.in_transaction = 0

    async def execute(self, sql: str, *args: object) -> str:
        return str(await self._do("execute", sql, args))

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        return await self._do("fetch", sql, args)  # type: ignore[no-any-return]

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        return await self._do("fetchrow", sql, args)  # type: ignore[no-any-return]

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401  # as asyncpg has it
        return await self._do("fetchval", sql, args)

    @asynccontextmanager
    async def transaction(self, *, readonly: bool = False) -> AsyncIterator[None]:
        """BEGIN or SAVEPOINT, and its end."""
        name = f"s{self.in_transaction}"
        begin, commit, rollback = "BEGIN READ ONLY" if readonly else "BEGIN", "COMMIT", "ROLLBACK"
        if self.in_transaction:
            begin, commit, rollback = f"SAVEPOINT {name}", f"RELEASE SAVEPOINT {name}", f"ROLLBACK TO {name}"
        await self.execute(begin)
        self.in_transaction += 1
        try:
            yield
        except BaseException:
            self.in_transaction -= 1
            await self.execute(rollback)
            raise
        self.in_transaction -= 1
        await self.execute(commit)

    async def _do(self, method: str, sql: str, args: Sequence[object]) -> Any:  # noqa: ANN401  # what the method gives
        process, engine = self.pool.process, self.pool.engine
        await process.step(_LATENCY_S)
        if self.real is None:
            raise asyncpg.InterfaceError("connection is closed")
        self.locked |= "pg_advisory_lock" in sql or "pg_try_advisory_lock" in sql
        for_now = f"SET sim.now = '{self.pool.now()}'"
        if sql.startswith("BEGIN"):
            sql = f"{sql}; {for_now}"
        elif "clock_timestamp" in sql and not self.in_transaction:
            engine.start(self.real, self.real.execute(for_now))
        engine.trace.update(f"{self.pool.loop.now_s} {process.name} {sql}".encode())
        statement = engine.start(self.real, getattr(self.real, method)(sql, *args))
        if not statement.done:
            await self._wait(statement)
        if sql.startswith(("COMMIT", "ROLLBACK")) or "unlock" in sql or not self.in_transaction:
            engine.let_go_on()
        self._answered()
        return statement.result()

    def _answered(self) -> None:
        """The reply may be lost: the process dies, or the connection does, when the statement was done."""
        process = self.pool.process
        process.steps += 1
        if process.steps == process.dies_at_step:
            process.die()
        if process.steps in self.pool.cut_at_steps:
            self.terminate()
        if self.real is None:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    async def _wait(self, statement: Statement) -> None:
        statement.released = self.pool.process.loop.create_future()
        try:
            await statement.released
        except asyncio.CancelledError:
            if not statement.done and self.real is not None:
                self.pool.engine.cancel(statement)
            raise
        self.pool.process.check()


@dataclass(eq=False)
class SimPool:
    """The pool of one simulated process."""

    process: Process
    engine: Engine
    loop: VirtualLoop
    cut_at_steps: frozenset[int] = frozenset()
    away_until_s: float = 0.0
    generation: int = 0
    idle: list[SimConnection] = field(default_factory=list)
    open: dict[SimConnection, None] = field(default_factory=dict)

    def now(self) -> str:
        """The time of the server's clock, as PostgreSQL reads it."""
        return (EPOCH + timedelta(seconds=self.loop.now_s)).isoformat()

    async def acquire(self) -> SimConnection:
        await self.process.step(_LATENCY_S / 4)
        if self.loop.now_s < self.away_until_s:
            raise ConnectionRefusedError("the server is away")
        while self.idle:
            connection = self.idle.pop()
            if not connection.is_closed():
                return connection
        connection = SimConnection(self)
        self.open[connection] = None
        return connection

    async def release(self, connection: SimConnection) -> None:
        if connection.is_closed():
            return
        if connection.in_transaction or connection.generation != self.generation:
            connection.terminate()
        else:
            self.idle.append(connection)

    async def expire_connections(self) -> None:
        self.generation += 1
        for connection in self.idle:
            connection.terminate()
        self.idle.clear()

    def cut(self) -> None:
        """Close every connection, as a server that restarts does."""
        for connection in list(self.open):
            connection.terminate()

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401  # as asyncpg has it
        connection = await self.acquire()
        try:
            return await connection.fetchval(sql, *args)
        finally:
            with suppress(Exception):
                await self.release(connection)
