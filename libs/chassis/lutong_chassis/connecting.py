"""Pools of connections to PostgreSQL: what each session is given, and what is wrong with an address that cannot be used."""

from typing import TYPE_CHECKING, Any, Final

import asyncpg
from pydantic import SecretStr

from lutong_chassis import pooled
from lutong_chassis.errors import ErrorClass, classify
from lutong_chassis.settings import Settings, SettingsError

if TYPE_CHECKING:
    from lutong_chassis.database import Connection, Pool

IDLE_IN_TRANSACTION_TIMEOUT_S: Final = 60


async def connect(settings: Settings) -> "Pool":
    """A pool of connections to LUTONG_DATABASE_URL. Statements are bounded in time, and idle transactions are cut.

    Raises SettingsError where PostgreSQL cannot be reached with these settings, however long we wait.
    """
    lends = settings.database_direct_url is not None
    try:
        return await (_lent_pool if lends else _own_pool)(settings)
    except Exception as error:
        _raise_if_misconfigured(error, pooled.DATABASE_URL)
        raise


async def connect_directly(settings: Settings) -> "Pool":
    """A few connections to LUTONG_DATABASE_DIRECT_URL, for what needs a session of its own. Raises as `connect`."""
    assert settings.database_direct_url  # noqa: S101  # without it there is one pool
    try:
        return await _create_pool(
            settings,
            settings.database_direct_url,
            max_size=pooled.DIRECT_CONNECTIONS_MAX,
            init=pooled.refuse_poolers(pooled.DIRECT_URL),
            server_settings=_TRACKED | _parameters(settings) | _KEEPALIVE,
        )
    except Exception as error:
        _raise_if_misconfigured(error, pooled.DIRECT_URL)
        raise


async def _leave_nothing_open(connection: "Connection") -> None:
    """Give a connection back. What we do in a session we undo ourselves (`relay`, `migrate`), so nothing else is asked.

    asyncpg's own reset is a round trip after each transaction and each read: a fifth of those of a small one.
    """
    if connection.is_in_transaction():
        await connection.reset()


def _raise_if_misconfigured(error: Exception, variable: str) -> None:
    if isinstance(error, SettingsError):
        return
    if classify(error) is ErrorClass.CONFIGURATION or isinstance(error, ValueError | asyncpg.UndefinedObjectError):
        raise SettingsError(_misconfigured(error, variable)) from error


def _misconfigured(error: Exception, variable: str) -> str:
    """What is wrong with the address, without what may hold a part of the URL."""
    match error:
        case asyncpg.exceptions.ProtocolViolationError():
            return f"{variable} leads to a connection pooler that refuses us ({error}): {pooled.REMEDIES[variable]}"
        case asyncpg.InvalidAuthorizationSpecificationError():
            return (
                f"{variable}: PostgreSQL refuses the role or its password ({error.sqlstate}): correct the URL, or "
                "LUTONG_DATABASE_PASSWORD"
            )
        case asyncpg.PostgresError() | asyncpg.exceptions.ClientConfigurationError():
            return f"{variable} cannot be used: {error}"
    return f"{variable} cannot be used ({type(error).__name__})"


_TRACKED: Final = {"application_name": "lutong", "timezone": "UTC"}
"""What a pooler keeps for each of its clients."""
_KEEPALIVE: Final = {"tcp_keepalives_idle": "20", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "4"}
"""After 40 s of silence a server ends a session whose client it cannot reach. By its own measure it would take two hours, and for
as long the session would keep the relay's locks from the next one."""
_PARAMETERS: Final = {
    # A plan is kept while its table grows: made of a few rows, it would read all of them for each row sought (ADR 32).
    "enable_seqscan": "off",
    "jit": "off",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_S}s",
}
_LOCK_SHARE: Final = 0.8
"""Of the time that a statement has: who waits for a lock for longer fails as one that waits, and no event is blamed for it."""


def _parameters(settings: Settings) -> dict[str, str]:
    """What holds in each session of a pool, or in each transaction behind a pooler."""
    return _PARAMETERS | {"lock_timeout": f"{settings.statement_timeout_s * _LOCK_SHARE * 1000:.0f}ms"}


async def _own_pool(settings: Settings) -> "Pool":
    return await _create_pool(
        settings,
        settings.database_url,
        max_size=settings.database_connections_max,
        init=pooled.refuse_poolers(pooled.DATABASE_URL),
        server_settings=_TRACKED | _parameters(settings) | _KEEPALIVE,
    )


async def _lent_pool(settings: Settings) -> "Pool":
    """Behind a pooler: no statement outlives its execution, and parameters are those of each transaction."""
    return await _create_pool(
        settings,
        settings.database_url,
        max_size=settings.database_connections_max,
        statement_cache_size=0,
        connection_class=pooled.lent(_parameters(settings)),
        server_settings=_TRACKED,
    )


async def _create_pool(settings: Settings, url: SecretStr, **options: Any) -> "Pool":  # asyncpg's
    return await asyncpg.create_pool(
        url.get_secret_value(),
        password=settings.database_password.get_secret_value if settings.database_password else None,
        min_size=1,
        command_timeout=settings.statement_timeout_s,
        timeout=5,
        reset=_leave_nothing_open,
        **options,
    )
