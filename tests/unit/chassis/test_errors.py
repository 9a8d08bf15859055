"""Every error that PostgreSQL, Kafka or the network can raise has its class on purpose."""

import asyncio
import math
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiokafka.errors
import asyncpg
import pytest
from aiokafka.errors import BrokerResponseError, KafkaError
from asyncpg import exceptions
from asyncpg.exceptions import _base
from hypothesis import given
from hypothesis import strategies as st

from lutong_chassis.envelope import MalformedError
from lutong_chassis.errors import (
    CONDUCT,
    RULES,
    ErrorClass,
    NoConnectionError,
    QueryWroteError,
    blames,
    classify,
    tries_max,
)
from lutong_chassis.migrate import NotMigratedError
from lutong_chassis.topics import TopicError

WAITS, RECONNECTS, CONFIGURATION, EVENT, OURS = ErrorClass
RELIABILITY = Path(__file__).parents[3] / "docs" / "reliability.md"
MALFORMED = MalformedError("bad_bytes", "no event")


def an_error(kind: type[BaseException]) -> BaseException:
    """One of a class, whatever its constructor wants."""
    return kind.__new__(kind)


def errors_of(*modules: object) -> Iterator[type[Exception]]:
    for module in modules:
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, Warning):
                yield kind


DATABASE = sorted({*errors_of(exceptions, _base)} - {asyncpg.PostgresError}, key=lambda kind: kind.__name__)
KAFKA = sorted(errors_of(aiokafka.errors), key=lambda kind: kind.__name__)


KAFKA_WAITS = set(
    re.findall(
        r"\w+",
        """
    AuthenticationFailedError BrokerNotAvailableError BrokerResponseError Cancelled
    ClusterAuthorizationFailedError CommitFailedError ConcurrentTransactions CorruptRecordException
    DelegationTokenAuthDisabled DelegationTokenAuthorizationFailed DelegationTokenExpired
    DelegationTokenNotFound DelegationTokenOwnerMismatch DelegationTokenRequestNotAllowed
    DuplicateSequenceNumber FetchSessionIdNotFound GroupAuthorizationFailedError
    GroupCoordinatorNotAvailableError GroupIdNotFound GroupLoadInProgressError IllegalGenerationError
    IllegalSaslStateError InconsistentGroupProtocolError InvalidCommitOffsetSizeError InvalidFetchRequestError
    InvalidFetchSessionEpoch InvalidPartitionsError InvalidPrincipalType InvalidReplicationAssignmentError
    InvalidReplicationFactorError InvalidTransactionTimeout InvalidTxnState KafkaError KafkaStorageError
    KafkaTimeoutError KafkaUnavailableError LeaderNotAvailableError ListenerNotFound LogDirNotFound
    MemberIdRequired MetadataEmptyBrokerList NoBrokersAvailable NoError NoOffsetForPartitionError
    NonEmptyGroup NotControllerError NotCoordinatorForGroupError NotEnoughReplicasAfterAppendError
    NotEnoughReplicasError NotLeaderForPartitionError OffsetMetadataTooLargeError OffsetOutOfRangeError
    OperationNotAttempted PolicyViolationError QuotaViolationError ReassignmentInProgress
    RebalanceInProgressError ReplicaNotAvailableError RequestTimedOutError SaslAuthenticationFailed
    StaleControllerEpochError StaleLeaderEpochCodeError StaleMetadata TooManyInFlightRequests
    TopicAlreadyExistsError TopicAuthorizationFailedError TransactionCoordinatorFenced
    TransactionalIdAuthorizationFailed UnknownError UnknownMemberIdError UnknownTopicOrPartitionError
        """,
    )
)
"""Errors of Kafka that are waited for by the class of all of them: each was looked at, and a new one will be."""


def rule_of(kind: type[BaseException]) -> type[BaseException]:
    return next(ancestor for ancestor in kind.__mro__ if ancestor in RULES)


@pytest.mark.parametrize("kind", DATABASE, ids=lambda kind: kind.__name__)
def test_every_error_of_asyncpg_has_a_class_on_purpose(kind: type[Exception]) -> None:
    assert rule_of(kind) not in {BaseException, asyncpg.PostgresError}


@pytest.mark.parametrize("kind", KAFKA, ids=lambda kind: kind.__name__)
def test_every_error_of_aiokafka_has_a_class_on_purpose(kind: type[Exception]) -> None:
    assert rule_of(kind) is not BaseException
    assert (kind.__name__ in KAFKA_WAITS) == (rule_of(kind) in {KafkaError, BrokerResponseError})


def test_the_control_an_unknown_error_is_ours_by_default_only() -> None:
    class UnknownError(Exception):
        """Nobody thought of it."""

    assert rule_of(UnknownError) is BaseException
    assert classify(UnknownError()) is OURS


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (asyncpg.ReadOnlySQLTransactionError("25006"), RECONNECTS),
        (exceptions.InvalidCachedStatementError("0A000"), RECONNECTS),
        (asyncpg.FeatureNotSupportedError("0A000"), OURS),
        (asyncpg.InternalClientError("got result for unknown protocol state"), RECONNECTS),
        (exceptions.OutdatedSchemaCacheError("x"), RECONNECTS),
        (asyncpg.InterfaceError("connection is closed"), RECONNECTS),
        (asyncpg.AdminShutdownError("57P01"), RECONNECTS),
        (asyncpg.ConnectionDoesNotExistError("08003"), RECONNECTS),
        (asyncpg.PostgresIOError("58030"), RECONNECTS),
        (asyncpg.PostgresSystemError("58000"), RECONNECTS),
        (asyncpg.IdleInTransactionSessionTimeoutError("25P03"), RECONNECTS),
        (asyncpg.InvalidSQLStatementNameError("26000"), RECONNECTS),
        (ConnectionResetError(), RECONNECTS),
        (asyncio.IncompleteReadError(b"", 1), RECONNECTS),
        (asyncpg.CannotConnectNowError("57P03"), WAITS),
        (asyncpg.DeadlockDetectedError("40P01"), WAITS),
        (asyncpg.DiskFullError("53100"), WAITS),
        (asyncpg.QueryCanceledError("57014"), WAITS),
        (asyncpg.InvalidCatalogNameError("3D000"), WAITS),
        (OSError("Multiple exceptions: [Errno 111] …"), WAITS),
        (socket.gaierror(), WAITS),
        (TimeoutError(), WAITS),
        (NoConnectionError(), WAITS),
        (NotMigratedError(), WAITS),
        (TopicError(), WAITS),
        (KafkaError(), WAITS),
        (asyncpg.exceptions.ClientConfigurationError("invalid DSN"), CONFIGURATION),
        (exceptions.ProtocolViolationError("unsupported startup parameter"), CONFIGURATION),
        (exceptions.ProtocolViolationError("server login has been failing, try again later"), RECONNECTS),
        (exceptions.ProtocolViolationError("query_wait_timeout"), RECONNECTS),
        (asyncpg.InvalidPasswordError("28P01"), CONFIGURATION),
        (asyncpg.InsufficientPrivilegeError("42501"), CONFIGURATION),
        (ssl.SSLCertVerificationError(), CONFIGURATION),
        (MALFORMED, EVENT),
        (asyncpg.DataError("22000"), EVENT),
        (_base.DataError("invalid input for query argument"), EVENT),
        (asyncpg.NumericValueOutOfRangeError("22003"), EVENT),
        (asyncpg.ProgramLimitExceededError("54000"), EVENT),
        (asyncpg.UniqueViolationError("23505"), OURS),
        (asyncpg.UndefinedColumnError("42703"), OURS),
        (asyncpg.DivisionByZeroError("22012"), OURS),
        (FileNotFoundError(), OURS),
        (QueryWroteError(), OURS),
        (ZeroDivisionError(), OURS),
    ],
    ids=lambda value: value if isinstance(value, ErrorClass) else type(value).__name__,
)
def test_an_error_has_the_class_that_is_right(error: BaseException, wanted: ErrorClass) -> None:
    assert classify(error) is wanted


@given(st.sampled_from(sorted({*DATABASE, *KAFKA, *RULES}, key=lambda kind: kind.__name__)))
def test_every_error_has_one_class_and_a_number_of_tries(kind: type[BaseException]) -> None:
    error = an_error(kind)
    assert classify(error) in CONDUCT
    assert (tries_max(error) == 0) == blames(error)


def test_what_may_be_the_batch_is_not_waited_for_without_end() -> None:
    assert tries_max(TimeoutError()) == tries_max(asyncpg.QueryCanceledError("57014")) == 5
    assert tries_max(asyncpg.InternalClientError("x")) == 20
    assert tries_max(asyncpg.ReadOnlySQLTransactionError("25006")) == math.inf


def test_the_documents_hold_the_same_table() -> None:
    rows = re.findall(r"^\| \*(.+?)\* \|(.+)\|$", RELIABILITY.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: [cell.strip() for cell in cells.split(" | ")] for name, cells in rows} == {
        error_class.value: [c.examples, c.at_start, c.consumer, c.http, c.loops, c.jobs]
        for error_class, c in CONDUCT.items()
    }
