"""Settings of one service process, read once from LUTONG_* variables and secret files, and frozen."""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from lutong_chassis import addresses
from lutong_chassis.kafka import KafkaAccess, Protocol
from lutong_contracts.topics import RETENTION

SECRETS: Final = Path("/run/secrets")
"""Where orchestrators put secrets: a file `lutong_kafka_password` there is LUTONG_KAFKA_PASSWORD. A variable wins."""


AnySettings = TypeVar("AnySettings", bound=BaseSettings)


class SettingsError(ValueError):
    """A setting is missing or invalid. The message names the variable, the mistake and the remedy."""


def _secret(check: Callable[[str], str]) -> AfterValidator:
    """Check a secret when settings are read; the error message does not contain it."""
    return AfterValidator(lambda secret: SecretStr(check(secret.get_secret_value())))


Retention = Annotated[timedelta, Field(ge=timedelta(days=1), le=timedelta(days=3650))]
"""A time of 1 to 3,650 days: PostgreSQL stores the interval in days."""


class KafkaSettings(BaseSettings):
    """The connection to Kafka: settings of services and of the command line."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_", frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True
    )

    kafka_bootstrap: Annotated[str, AfterValidator(addresses.kafka_brokers)] = Field(
        "127.0.0.1:9092", description="host:port of Kafka brokers, comma-separated"
    )
    kafka_security_protocol: Protocol = Field("PLAINTEXT", description="SASL means SCRAM-SHA-512")
    kafka_username: str | None = Field(None, description="the principal, with SASL")
    kafka_password: SecretStr | None = Field(None, description="its password")
    kafka_ca_file: Annotated[Path | None, BeforeValidator(lambda given: given or None)] = Field(
        None, description="CA that signs the brokers' certificates; unset: the system's"
    )

    @model_validator(mode="after")
    def _credentials_are_complete(self) -> "KafkaSettings":
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_username and self.kafka_password):
            raise ValueError(
                f"LUTONG_KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}: set LUTONG_KAFKA_USERNAME, and put "
                f"its password into {SECRETS}/lutong_kafka_password"
            )
        if self.kafka_security_protocol.endswith("SSL") and self.kafka_ca_file:
            addresses.authorities("LUTONG_KAFKA_CA_FILE", self.kafka_ca_file)
        return self

    @property
    def kafka(self) -> KafkaAccess:
        """The same, as every Kafka client takes it."""
        return KafkaAccess(
            self.kafka_bootstrap,
            self.kafka_security_protocol,
            self.kafka_username,
            self.kafka_password,
            self.kafka_ca_file,
        )


class Settings(KafkaSettings):
    """Settings of a service. Every field is a variable: `http_port` is LUTONG_HTTP_PORT."""

    database_url: Annotated[SecretStr, _secret(addresses.postgres_url)] = Field(
        description="postgresql://… of this service's own database"
    )
    database_direct_url: Annotated[
        Annotated[SecretStr, _secret(addresses.postgres_url)] | None, BeforeValidator(lambda given: given or None)
    ] = Field(
        None, description="PostgreSQL's own address, where LUTONG_DATABASE_URL is a pooler's: for locks and migrations"
    )
    database_password: SecretStr | None = Field(None, description="its password, where the URL has none")
    database_connections_max: int = Field(10, ge=3, le=1_000, description="connections of this process")
    migrate_on_start: bool = Field(default=True, description="apply migrations at boot; off where a job does it")

    http_host: Annotated[str, AfterValidator(addresses.listening_host)] = Field(
        "127.0.0.1", description="address that HTTP listens on"
    )
    http_port: int = Field(8000, ge=0, le=65535, description="port that HTTP listens on")
    http_requests_max: int = Field(
        64, ge=1, le=100_000, description="requests in progress at once; more are refused with 503"
    )
    http_bodies_max: int = Field(
        16, ge=1, le=100_000, description="request bodies of one principal that may be slow at once"
    )
    body_bytes_max: int = Field(256_000, ge=1_000, le=100_000_000, description="largest HTTP request body")
    body_timeout_s: float = Field(
        10.0, gt=0, le=86_400, description="longest time that a request body may take to arrive"
    )
    http_rate_per_s: float = Field(
        200.0, gt=0, le=1_000_000, description="requests of one principal per second, in the long run"
    )
    http_burst: int = Field(
        400, ge=1, le=1_000_000, description="requests of one principal at once; more are refused with 429"
    )

    auth: Literal["required", "off"] = Field("required", description="`off` allows every request: loopback only")
    auth_keys_file: Path | None = Field(None, description="JWKS file with the public keys of the issuer of tokens")
    auth_keys_url: Annotated[str, AfterValidator(addresses.keys_url)] | None = Field(
        None, description="where the issuer publishes its JWKS, in place of the file: fetched again as keys rotate"
    )
    auth_issuer: str | None = Field(None, description="`iss` of tokens that are accepted")
    auth_audience: str = Field("lutong", description="`aud` of tokens that are accepted")
    auth_token_life_max_s: int = Field(
        86_400, ge=60, le=31_536_000, description="longest life of a token: `exp` less `iat`"
    )

    profile: Literal["production", "test"] = Field("production", description="`test` allows failpoints")
    failpoint: str | None = Field(None, description="where to die, for tests; see lutong_chassis.failpoints")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least important line logged")

    session_timeout_ms: int = Field(
        10_000, ge=1_000, le=1_800_000, description="silence after which the group removes a replica"
    )
    batch_records_max: int = Field(1_000, ge=1, le=10_000, description="events handled in one transaction")
    command_batch_max: int = Field(200, ge=1, le=10_000, description="commands of one kind done in one transaction")
    command_wait_max_s: float = Field(
        10.0, gt=0, le=86_400, description="longest time that a command waits for its batch"
    )
    relay_batch_max: int = Field(2_000, ge=1, le=10_000, description="outbox rows sent in one round")
    relay_interval_ms: int = Field(
        100,
        ge=1,
        le=3_600_000,
        description="how often the outbox is polled for rows of other replicas; a replica that is alone asks once a second",
    )
    job_interval_ms: int = Field(
        500, ge=1, le=3_600_000, description="how often job queues are polled for jobs that no commit announced"
    )
    retry_delay_max_s: float = Field(15.0, gt=0, le=86_400, description="longest pause between two tries")
    statement_timeout_s: float = Field(30.0, gt=0, le=86_400, description="longest single SQL statement")
    stall_timeout_s: float = Field(60.0, gt=0, le=86_400, description="lag without progress that fails /livez")
    stuck_timeout_s: float = Field(
        60.0, gt=0, le=86_400, description="time that one batch fails before it is reported as stuck"
    )
    shutdown_timeout_s: float = Field(20.0, gt=0, le=86_400, description="time to finish work after SIGTERM")

    outbox_retention: Retention = Field(timedelta(days=7), description="published rows kept for republishing")
    inbox_retention: Retention = Field(timedelta(days=45), description="how long duplicates are recognised")
    facts_retention: Annotated[timedelta, Field(ge=timedelta(days=30), le=timedelta(days=3650))] = Field(
        timedelta(days=400), description="how long facts are kept: uses and requests, event by event"
    )
    parked_retention: Retention = Field(timedelta(days=30), description="how long resolved parked events are kept")

    otlp_endpoint: Annotated[str, AfterValidator(addresses.traces_url)] | None = Field(
        None, description="OTLP/HTTP collector, as http://collector:4318; without a path, /v1/traces is added"
    )

    @model_validator(mode="after")
    def _failpoints_are_for_tests(self) -> "Settings":
        if self.failpoint and self.profile != "test":
            raise ValueError("LUTONG_FAILPOINT kills the process on purpose: it is refused unless LUTONG_PROFILE=test")
        return self

    @model_validator(mode="after")
    def _postgresql_can_be_verified(self) -> "Settings":
        addresses.postgres_tls(self.database_url.get_secret_value(), os.environ)
        return self

    @model_validator(mode="after")
    def _tokens_are_verified(self) -> "Settings":
        if self.auth == "off" and not addresses.is_loopback(self.http_host):
            raise ValueError(
                f"LUTONG_AUTH=off allows every request: it is refused unless LUTONG_HTTP_HOST is loopback, "
                f"and it is {self.http_host}"
            )
        if self.auth == "required" and not ((self.auth_keys_file or self.auth_keys_url) and self.auth_issuer):
            raise ValueError(
                "LUTONG_AUTH_KEYS_FILE and LUTONG_AUTH_ISSUER are not set: name the JWKS file (or LUTONG_AUTH_KEYS_URL) "
                "and the `iss` of the issuer of your tokens (docs/security.md), or run the suite with `lutong up`"
            )
        return self

    @model_validator(mode="after")
    def _inbox_outlives_every_copy(self) -> "Settings":
        """A copy of an event may come from its topic or from the parked records; the inbox must recognise both."""
        needed = RETENTION + self.parked_retention
        if self.inbox_retention < needed:
            message = (
                f"LUTONG_INBOX_RETENTION is {self.inbox_retention.days} days, but a copy of an event can still "
                f"arrive after {needed.days} days (topic retention + parked retention): raise it to at least that"
            )
            raise ValueError(message)
        return self


def read(wanted: type[AnySettings], secrets: Path = SECRETS) -> AnySettings:
    """Settings from the environment and secret files; `SettingsError` names the variable that is missing or wrong, never its value."""
    try:
        return wanted(_secrets_dir=secrets if secrets.is_dir() else None)
    except UnreadableError as error:
        raise SettingsError(_unreadable(secrets, error)) from None
    except ValidationError as error:
        prefix = wanted.model_config["env_prefix"]
        raise SettingsError("; ".join(_explain(prefix, item) for item in error.errors())) from None


def _unreadable(secrets: Path, error: Exception) -> str:
    """A secret file that this process may not read, in a sentence: which one, and which group and mode it wants."""
    cause = error.__cause__ or error
    file = getattr(cause, "filename", None) or secrets
    why = getattr(cause, "strerror", None) or type(cause).__name__
    groups = sorted({os.getgid(), *os.getgroups()})
    return f"secret {file}: {why}: give it to one of the groups {groups} (chgrp) and let that read it (chmod 640)"


def settings_of(wanted: type[AnySettings]) -> AnySettings:
    """Settings of this process: read at the first call, cached afterwards."""
    return cast("AnySettings", _chosen(wanted))


@cache
def _chosen(wanted: type[BaseSettings]) -> BaseSettings:
    return read(wanted)


def _explain(prefix: str, item: object) -> str:
    """An error of pydantic as a sentence about the variable."""
    assert isinstance(item, dict)  # noqa: S101  # pydantic's ErrorDetails is a TypedDict
    name = str(item["loc"][0]).upper() if item["loc"] else ""
    problem = str(item["msg"]).removeprefix("Value error, ")
    if not name:
        return problem
    if item["type"] == "missing":
        return f"{prefix}{name} is not set: give it a value, or run the suite with `lutong up`"
    return f"{prefix}{name}: {problem}"
