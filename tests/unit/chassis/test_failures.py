"""What a request gets when something fails: the class of the error decides."""

import asyncpg
import httpx
import pytest
from aiokafka.errors import KafkaConnectionError
from asyncpg import exceptions
from fastapi import FastAPI
from prometheus_client import REGISTRY

from lutong_chassis.errors import NoConnectionError, QueryWroteError
from lutong_chassis.http import install_problems


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (asyncpg.ReadOnlySQLTransactionError("25006"), 503, "unavailable"),
        (exceptions.InvalidCachedStatementError("0A000"), 503, "unavailable"),
        (asyncpg.InternalClientError("got result for unknown protocol state 3"), 503, "unavailable"),
        (asyncpg.InterfaceError("connection is closed"), 503, "unavailable"),
        (asyncpg.InvalidPasswordError("28P01"), 503, "unavailable"),
        (asyncpg.PostgresIOError("58030"), 503, "unavailable"),
        (asyncpg.AdminShutdownError("57P01"), 503, "unavailable"),
        (NoConnectionError("FileNotFoundError"), 503, "unavailable"),
        (OSError("Multiple exceptions: …"), 503, "unavailable"),
        (TimeoutError(), 503, "unavailable"),
        (KafkaConnectionError(), 503, "unavailable"),
        (asyncpg.DataError("22000"), 422, "unstorable"),
        (asyncpg.UniqueViolationError("23505"), 500, "bug"),
        (QueryWroteError(), 500, "bug"),
        (ZeroDivisionError(), 500, "bug"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_a_failure_is_answered_by_its_class(error: Exception, status: int, kind: str) -> None:
    app = FastAPI()
    install_problems(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    before = REGISTRY.get_sample_value("lutong_http_failed_total")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:lutong:problem:{kind}")
    assert REGISTRY.get_sample_value("lutong_http_failed_total") == (before or 0) + (status >= 500)
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert str(error) == "" or str(error) not in answer.text
