"""Whose fault an error is, and what it calls for. One table: for the code, for docs/reliability.md and for its tests.

`classify` looks for the nearest ancestor of an error in `RULES`. What is in no row of its own is ours: a bug.
"""

import math
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import asyncpg
from aiokafka import errors as kafka
from asyncpg import exceptions as postgres
from asyncpg.exceptions import _base as asyncpg_base

from lutong_chassis.envelope import MalformedError
from lutong_chassis.pooled import is_refusal
from lutong_chassis.settings import SettingsError


class ErrorClass(StrEnum):
    """What an error calls for."""

    WAITS = "waits"
    RECONNECTS = "reconnects"
    CONFIGURATION = "configuration"
    EVENT = "the event's fault"
    OURS = "ours"


class NotThereYetError(RuntimeError):
    """Something is missing that another process makes: a topic, a migration. The message names the command that makes it."""


class NoConnectionError(ConnectionError):
    """PostgreSQL gave no connection. That is never the fault of what it was wanted for."""


class StrayCancellationError(RuntimeError):
    """A library let out the cancellation of a task of its own. Nobody cancelled what we were doing."""


class AnsweredMeanwhileError(RuntimeError):
    """Another process answered a command under the same key meanwhile. Tried again, its answer is found."""


class QueryWroteError(RuntimeError):
    """A query tried to write: a bug, although PostgreSQL refuses it with the same code as a replica does (25006)."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What each part of a service does about errors of one class."""

    examples: str
    at_start: str
    consumer: str
    http: str
    loops: str
    jobs: str


CONDUCT: Final[Mapping[ErrorClass, Conduct]] = MappingProxyType(
    {
        ErrorClass.WAITS: Conduct(
            examples="a broker or database that is away, a deadlock, a lock or statement that ran out of time, a full disk",
            at_start="tries again with backoff, and logs what it waits for",
            consumer="tries the batch again with backoff; parks nothing",
            http="503 `unavailable` with `Retry-After`; a batch of commands that lost a deadlock is first done again",
            loops="starts again with backoff",
            jobs="keeps the answers and records them later",
        ),
        ErrorClass.RECONNECTS: Conduct(
            examples="a cut connection, a read-only database (25006), a plan that a migration outdated (0A000), class 58, a pooler whose server is away",
            at_start="as above, on a new connection",
            consumer="as above, on a new connection",
            http="tries once more on a new connection, unless its commit was under way; then as above",
            loops="as above, on a new connection",
            jobs="as above, on a new connection",
        ),
        ErrorClass.CONFIGURATION: Conduct(
            examples="a URL that asyncpg cannot read, a role or password that is refused, a pooler that refuses parameters",
            at_start="exit code 2 with the name of the variable",
            consumer="tries the batch again with backoff, and logs it as an error; parks nothing",
            http="503 `unavailable` with `Retry-After`, and logs it as an error",
            loops="starts again with backoff, and logs it as an error",
            jobs="keeps the answers and records them later",
        ),
        ErrorClass.EVENT: Conduct(
            examples="bytes that are no event, a value that its column cannot take (class 22), an index entry that is too long",
            at_start="does not occur",
            consumer="tries the event once more, alone and on a new connection; then parks it, and its key waits",
            http="422 `unstorable`, and logs it as an error",
            loops="logs it as an error, starts again with backoff, fails `/livez` when it lasts",
            jobs="tries the answer once more, alone and on a new connection; then logs it, and asks again after the lease",
        ),
        ErrorClass.OURS: Conduct(
            examples="everything else: a broken constraint, a syntax error, an exception of our own code",
            at_start="exit code 1",
            consumer="as above",
            http="500 `bug`",
            loops="as above",
            jobs="as above",
        ),
    }
)

_W, _R, _C, _E, _O = ErrorClass

RULES: Final[Mapping[type[BaseException], ErrorClass]] = MappingProxyType(
    {
        BaseException: _O,
        # Python and the network
        OSError: _W,  # what asyncio raises when no address of a host answers
        FileNotFoundError: _O,
        PermissionError: _O,
        FileExistsError: _O,
        NotADirectoryError: _O,
        IsADirectoryError: _O,
        socket.gaierror: _W,
        TimeoutError: _W,
        ConnectionError: _R,
        NoConnectionError: _W,
        EOFError: _R,
        ssl.SSLError: _R,
        ssl.SSLCertVerificationError: _C,
        # the chassis
        NotThereYetError: _W,
        StrayCancellationError: _W,
        AnsweredMeanwhileError: _W,
        SettingsError: _C,
        MalformedError: _E,
        QueryWroteError: _O,
        # asyncpg itself
        postgres.InterfaceError: _R,  # the connection was closed under us
        postgres.InternalClientError: _R,  # a connection that was cut in the middle of an answer
        postgres.OutdatedSchemaCacheError: _R,
        postgres.ProtocolError: _R,
        postgres.TargetServerAttributeNotMatched: _W,  # no server takes writes now
        postgres.ClientConfigurationError: _C,
        postgres.UnsupportedClientFeatureError: _C,
        postgres.UnsupportedServerFeatureError: _C,
        asyncpg_base.DataError: _E,
        # PostgreSQL, by SQLSTATE
        postgres.FatalPostgresError: _R,
        postgres.SQLStatementNotYetCompleteError: _O,  # 03
        postgres.PostgresConnectionError: _R,  # 08
        postgres.ProtocolViolationError: _C,  # 08P01: a pooler refuses what a session needs (or see `classify`)
        postgres.TriggeredActionError: _O,
        postgres.FeatureNotSupportedError: _O,  # 0A
        postgres.InvalidCachedStatementError: _R,  # 0A000 of a plan: a migration outdated it
        postgres.InvalidTransactionInitiationError: _O,
        postgres.LocatorError: _O,
        postgres.InvalidGrantorError: _O,
        postgres.InvalidRoleSpecificationError: _O,
        postgres.DiagnosticsError: _O,
        postgres.InvalidArgumentForXqueryError: _O,
        postgres.CaseNotFoundError: _O,
        postgres.CardinalityViolationError: _O,
        postgres.DataError: _E,  # 22: a value that its column, or an expression, cannot take
        postgres.DivisionByZeroError: _O,
        postgres.IntegrityConstraintViolationError: _O,  # 23
        postgres.InvalidCursorStateError: _O,
        postgres.InvalidTransactionStateError: _O,  # 25
        postgres.ReadOnlySQLTransactionError: _R,  # 25006: a replica, or a server that is one now
        postgres.IdleInTransactionSessionTimeoutError: _R,
        postgres.TransactionTimeoutError: _R,
        postgres.InvalidSQLStatementNameError: _R,  # 26: another session has our prepared statements
        postgres.TriggeredDataChangeViolationError: _O,
        postgres.InvalidAuthorizationSpecificationError: _C,  # 28
        postgres.DependentPrivilegeDescriptorsStillExistError: _O,
        postgres.InvalidTransactionTerminationError: _O,
        postgres.SQLRoutineError: _O,
        postgres.InvalidCursorNameError: _O,
        postgres.ExternalRoutineError: _O,
        postgres.ExternalRoutineInvocationError: _O,
        postgres.SavepointError: _O,
        postgres.InvalidCatalogNameError: _W,  # 3D: the database is made by a job
        postgres.InvalidSchemaNameError: _O,
        postgres.TransactionRollbackError: _W,  # 40: serialisation, deadlock
        postgres.StatementCompletionUnknownError: _R,
        postgres.SyntaxOrAccessError: _O,  # 42
        postgres.InsufficientPrivilegeError: _C,  # 42501: the role was not given what it needs
        postgres.DuplicatePreparedStatementError: _R,
        postgres.WithCheckOptionViolationError: _O,
        postgres.InsufficientResourcesError: _W,  # 53: disk, memory, connections
        postgres.ProgramLimitExceededError: _E,  # 54: too long for an index
        postgres.ObjectNotInPrerequisiteStateError: _O,  # 55
        postgres.ObjectInUseError: _W,
        postgres.LockNotAvailableError: _W,
        postgres.OperatorInterventionError: _R,  # 57: shut down, ended by an administrator
        postgres.QueryCanceledError: _W,
        postgres.CannotConnectNowError: _W,
        postgres.PostgresSystemError: _R,  # 58: the server's own files
        postgres.SnapshotTooOldError: _W,
        postgres.ConfigFileError: _W,
        postgres.FDWError: _O,
        postgres.PLPGSQLError: _O,
        postgres.InternalServerError: _O,  # XX: the second try is on a new connection
        postgres.DataCorruptedError: _W,  # an operator has to look, and no event is to blame
        postgres.IndexCorruptedError: _W,
        # aiokafka
        kafka.KafkaError: _W,
        kafka.BrokerResponseError: _W,
        kafka.KafkaConfigurationError: _C,
        kafka.IllegalArgumentError: _O,
        kafka.IllegalStateError: _O,
        kafka.IncompatibleBrokerVersion: _C,
        kafka.UnrecognizedBrokerVersion: _C,
        kafka.UnsupportedCodecError: _C,
        kafka.UnsupportedVersionError: _C,
        kafka.UnsupportedForMessageFormatError: _C,
        kafka.UnsupportedSaslMechanismError: _C,
        kafka.AuthenticationMethodNotSupported: _C,
        kafka.SecurityDisabled: _C,
        kafka.InvalidConfigurationError: _C,
        kafka.InvalidSessionTimeoutError: _C,
        kafka.InvalidGroupIdError: _C,
        kafka.InvalidTopicError: _C,
        kafka.MessageSizeTooLargeError: _O,  # `outbox.serialise` refuses those
        kafka.RecordListTooLargeError: _O,
        kafka.RecordTooLargeError: _O,
        kafka.InvalidTimestampError: _O,
        kafka.InvalidRequestError: _O,
        kafka.InvalidRequiredAcksError: _O,
        kafka.ProducerFenced: _R,
        kafka.ProducerClosed: _R,
        kafka.ConsumerStoppedError: _R,
        kafka.IllegalOperation: _O,
        kafka.KafkaConnectionError: _R,
        kafka.KafkaProtocolError: _R,
        kafka.NodeNotReadyError: _R,
        kafka.OutOfOrderSequenceNumber: _R,  # a new producer begins a new sequence
        kafka.InvalidProducerEpoch: _R,
        kafka.InvalidProducerIdMapping: _R,
        kafka.UnknownProducerId: _R,
    }
)

ROOTS: Final = (asyncpg.PostgresError, postgres.InterfaceError, postgres.InternalClientError, OSError, EOFError, kafka.KafkaError)  # fmt: skip
"""What the outside raises: every error of PostgreSQL, Kafka and the network is one of these."""


def classify(error: BaseException) -> ErrorClass:
    """What an error calls for. Total and pure."""
    if isinstance(error, postgres.ProtocolViolationError) and not is_refusal(error):
        return ErrorClass.RECONNECTS  # a pooler's word for a server that is away, or that went away
    return next(RULES[kind] for kind in type(error).__mro__ if kind in RULES)


def blames(error: BaseException) -> bool:
    """Whether an error is the fault of what was being done: trying again for longer cannot help."""
    return classify(error) in {ErrorClass.EVENT, ErrorClass.OURS}


def tries_max(error: BaseException) -> float:
    """How often a batch may fail in this way before it is taken apart to find the event that is to blame.

    What runs out of time is first taken for a busy database, and a client that lost its place for a cut connection. When
    either happens again and again, it is the batch that is too much.
    """
    if blames(error):
        return 0
    if isinstance(error, TimeoutError | postgres.QueryCanceledError):
        return 5
    return 20 if isinstance(error, postgres.InternalClientError) else math.inf
