"""Trouble that tests of operators and of runbooks make, and take back."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from lutong_chassis.testing import url_of
from lutong_local.stack import Stack


@contextmanager
def frozen(stack: Stack, piece: str) -> Iterator[None]:
    """A piece that is alive and does not answer."""
    pid = stack.children[piece].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def failing_for(stack: Stack, post_id: str) -> AsyncIterator[None]:
    """The registry's database reports a deadlock whenever this one post is looked at: trouble that never passes."""
    connection = await asyncpg.connect(url_of(stack.admin_url, "registry"))
    await connection.execute(
        f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'deadlock_detected'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON discovery FOR EACH ROW WHEN (NEW.post_id = '{post_id}')
        EXECUTE FUNCTION refuse();
        """
    )
    try:
        yield
    finally:
        await connection.execute("DROP TRIGGER refuse ON discovery; DROP FUNCTION refuse()")
        await connection.close()
