"""Pools and connections of simulated processes: what the chassis asks of asyncpg's, with virtual latency and faults."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from tests.simulator.engine import EPOCH, Engine, Real, Statement
from tests.simulator.virtual import Process, VirtualLoop

_LATENCY_S: Final = 0.02


class SimConnection:
    """A connection of a simulated process: what the chassis asks of asyncpg's, with virtual latency and faults."""

    def __init__(self, pool: "SimPool") -> None:
        self.pool = pool
        self.real: Real | None = pool.engine.lease()
        self.locked = False
        self.in_transaction = 0
        self.generation = pool.generation
        self.now = EPOCH

    def is_closed(self) -> bool:
        return self.real is None

    def is_in_transaction(self) -> bool:
        return self.in_transaction > 0

    def terminate(self) -> None:
        """Close it: the server rolls back and releases the session's locks."""
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
        if sql == "SELECT now()":  # what the transaction was given when it began
            process.check()
            return self.now
        await process.step(_LATENCY_S)
        if self.real is None:
            raise asyncpg.InterfaceError("connection is closed")
        self.locked |= "pg_advisory_lock" in sql or "pg_try_advisory_lock" in sql
        if sql.startswith("BEGIN"):
            sql = self._set_now(sql)
        elif "clock_timestamp" in sql and not self.in_transaction:
            engine.start(self.real, self.real.execute(self._set_now()))
        engine.trace.update(f"{self.pool.loop.now_s} {process.name} {sql}".encode())
        statement = engine.start(self.real, getattr(self.real, method)(sql, *args))
        if not statement.done:
            await self._wait(statement)
        if sql.startswith(("COMMIT", "ROLLBACK")) or "unlock" in sql or not self.in_transaction:
            engine.let_go_on()
        self._answered()
        return statement.result()

    def _set_now(self, *first: str) -> str:
        """Statements, and behind them the one that sets the server's clock for this connection."""
        self.now = self.pool.now()
        return "; ".join([*first, f"SET sim.now = '{self.now.isoformat()}'"])

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

    def now(self) -> datetime:
        """The time of the server's clock."""
        return EPOCH + timedelta(seconds=self.loop.now_s)

    async def acquire(self) -> SimConnection:
        self.process.check()
        while self.idle:
            connection = self.idle.pop()
            if not connection.is_closed():
                return connection
        await self.process.step(_LATENCY_S / 4)
        if self.loop.now_s < self.away_until_s:
            raise ConnectionRefusedError("the server is away")
        connection = SimConnection(self)
        self.open[connection] = None
        return connection

    async def release(self, connection: SimConnection, *, timeout: float | None = None) -> None:  # noqa: ARG002  # as asyncpg has it
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
