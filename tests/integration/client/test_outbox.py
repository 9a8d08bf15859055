"""The outbox of a publisher, with the drivers that publishers use, on a real PostgreSQL."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import psycopg2
import pytest

from lutong_client import Message, Publisher, PublishError, Receipt, message, outbox
from lutong_client.testing import FakeTransport
from tests.support.builders import a_post

DRIVERS = {"psycopg 3": psycopg.connect, "psycopg 2": psycopg2.connect}
Connection = Any
Connect = Callable[[str], Connection]


class AwayOnce(FakeTransport):
    """Does not answer the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.away = True

    def send(self, messages: Sequence[Message], *, dry_run: bool = False) -> list[Receipt]:
        if self.away:
            self.away = False
            raise PublishError("feed does not answer", transient=True)
        return super().send(messages, dry_run=dry_run)


def enqueue(connection: Connection, *names: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(outbox.TABLE)
        outbox.write(cursor, *(message(a_post(name), "/partner/cms", id=name) for name in names))
    connection.commit()


@pytest.fixture(params=DRIVERS, ids=list(DRIVERS))
def connect(request: pytest.FixtureRequest) -> Connect:
    chosen: Connect = DRIVERS[request.param]
    return chosen


@pytest.mark.parametrize("autocommit", [False, True])
def test_the_outbox_is_carried_round_after_round(connect: Connect, database_url: str, autocommit: bool) -> None:
    fake, connection = FakeTransport(), connect(database_url)
    publisher = Publisher("/partner/cms", fake)
    try:
        connection.autocommit = autocommit
        for name in "abc":
            enqueue(connection, name)
            assert outbox.carry(connection, publisher) == 1
        assert outbox.carry(connection, publisher) == 0
        assert (connection.closed, connection.autocommit) == (0, autocommit)
    finally:
        connection.close()
    assert [sent.id for sent in fake.sent] == ["a", "b", "c"]


def test_what_was_carried_is_gone_for_other_connections(connect: Connect, database_url: str) -> None:
    connection, other = connect(database_url), connect(database_url)
    try:
        enqueue(connection, "a", "b")
        assert outbox.carry(connection, Publisher("/partner/cms", FakeTransport())) == 2
        assert outbox.carry(other, Publisher("/partner/cms", FakeTransport())) == 0
    finally:
        connection.close()
        other.close()


def test_a_service_that_is_away_leaves_every_row_for_the_next_round(connect: Connect, database_url: str) -> None:
    transport, connection = AwayOnce(), connect(database_url)
    publisher = Publisher("/partner/cms", transport)
    try:
        enqueue(connection, "a", "b")
        with pytest.raises(PublishError, match="does not answer"):
            outbox.carry(connection, publisher)
        assert outbox.carry(connection, publisher) == 2
    finally:
        connection.close()


def test_a_rejected_row_stays_with_its_reason_and_stops_no_other(connect: Connect, database_url: str) -> None:
    connection = connect(database_url)
    try:
        enqueue(connection, "bad", "good")
        assert outbox.carry(connection, Publisher("/partner/cms", FakeTransport(reject={"bad": "invalid"}))) == 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_id, rejected FROM lutong_outbox")
            assert cursor.fetchall() == [("bad", "invalid : the fake rejects it: invalid")]
    finally:
        connection.close()
