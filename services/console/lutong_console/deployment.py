"""The suite in containers, seen from this machine: where compose publishes it, and where its secrets are.

What a person sets is in one place each: defaults are those of `deploy/compose.yaml`, `deploy/.env` wins over them, and
the environment over both, exactly as compose itself reads them.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pydantic import SecretStr

import lutong_contracts
from lutong_chassis import addresses, tokens
from lutong_chassis.grants import VERIFIER
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.tokens import Signer
from lutong_console import credentials, env_file
from lutong_console.cli import given
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_contracts.topics import SERVICES

COMPOSE: Final = given.COMPOSE
_COMPOSES_OWN: Final = ("COMPOSE_PROFILES", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME")
_DEFAULT: Final = re.compile(r"\$\{(LUTONG_\w+):-((?:[^{}]|\$\{[^}]*\})*)\}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What compose was given, and the passwords that containers have."""

    variables: Mapping[str, str]
    secrets: Path
    place: Path = Path()
    """Where compose.yaml is."""

    @property
    def brokers(self) -> int | None:
        """How many brokers were asked for; None where Kafka is yours."""
        return int(self.variables["LUTONG_KAFKA_BROKERS"]) if self.variables["LUTONG_BUNDLED_KAFKA"] != "0" else None

    @property
    def is_production(self) -> bool:
        """Whether compose.production.yaml was chosen."""
        return "compose.production.yaml" in self.variables.get("COMPOSE_FILE", "")

    def url(self, service: str) -> str:
        """Where a service answers; of several replicas, the first."""
        port = self.variables[f"LUTONG_{service.upper()}_PORT"].partition("-")[0]
        try:
            return addresses.http_url(f"http://{_reached(self.variables['LUTONG_HTTP_ADDRESS'])}:{port}")
        except ValueError:
            given = f"LUTONG_{service.upper()}_PORT is {port!r} and LUTONG_HTTP_ADDRESS {self.variables['LUTONG_HTTP_ADDRESS']!r}"
            raise ConsoleError(f"{given}: where {service} answers cannot be read from them", code=USAGE) from None

    def kafka_as(self, principal: str) -> KafkaAccess:
        """Kafka's listener for this machine, or a cluster of yours, as one of the principals."""
        password = SecretStr(credentials.read(self.secrets, credentials.kafka_file(principal)))
        if self.variables["LUTONG_BUNDLED_KAFKA"] != "0":
            bootstrap = f"127.0.0.1:{self.variables['LUTONG_KAFKA_PORT']}"
            return KafkaAccess(bootstrap, "SASL_PLAINTEXT", principal, password)
        protocol: Any = self.variables["LUTONG_KAFKA_SECURITY_PROTOCOL"]
        authority = self._authority("LUTONG_KAFKA_CA_FILE") if protocol.endswith("SSL") else None
        return KafkaAccess(self.variables["LUTONG_KAFKA_BOOTSTRAP"], protocol, principal, password, authority)

    def database_urls_as(self, role: str) -> dict[str, str]:
        """The databases of all services; `role` may name the service: `{service}_owner`."""
        return {service: self.database_url(service, role.format(service=service)) for service in SERVICES}

    def database_url(self, service: str, role: str) -> str:
        """Where a role connects to a database."""
        password = credentials.read(self.secrets, credentials.postgres_file(role))
        return f"postgresql://{role}:{quote(password, safe='')}@{self.postgres}/{service}{self._postgres_tls}"

    @property
    def superuser_url(self) -> str:
        """PostgreSQL's superuser, which has the name that it has on a server of yours."""
        name = self.variables.get("LUTONG_POSTGRES_ADMIN", credentials.SUPERUSER)
        password = credentials.read(self.secrets, credentials.postgres_file(credentials.SUPERUSER))
        login = f"{quote(name, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@{self.postgres}/postgres{self._postgres_tls}"

    @property
    def _postgres_tls(self) -> str:
        """How the server is verified, as parameters of a URL; nothing on the loopback of this machine."""
        if self.variables["LUTONG_BUNDLED_POSTGRES"] != "0":
            return ""
        authority = self._authority("LUTONG_POSTGRES_CA_FILE")
        file = f"&sslrootcert={quote(str(authority), safe='/')}" if authority else ""
        return f"?sslmode={self.variables.get('LUTONG_POSTGRES_SSLMODE', 'prefer')}{file}"

    def _authority(self, variable: str) -> Path | None:
        """A file of certificates, relative to compose.yaml as compose takes it; ConsoleError for one that verifies nobody."""
        if (given := self.variables.get(variable, os.devnull)) == os.devnull:
            return None
        file = (self.place / given).absolute()
        try:
            addresses.authorities(variable, file)
        except ValueError as error:
            raise ConsoleError(str(error), code=USAGE) from None
        return file

    @property
    def postgres(self) -> str:
        """PostgreSQL's host and port for this machine, or a server of yours."""
        if self.variables["LUTONG_BUNDLED_POSTGRES"] != "0":
            return f"127.0.0.1:{self.variables['LUTONG_POSTGRES_PORT']}"
        return self.variables["LUTONG_POSTGRES_HOST"]

    @property
    def signer(self) -> Signer:
        """The issuer of tokens for this deployment: the key of `lutong init`, unless an issuer of yours does."""
        try:
            return tokens.read_key(self.secrets / credentials.SIGNING_KEY, self.variables["LUTONG_AUTH_ISSUER"])
        except (OSError, ValueError):
            raise ConsoleError(
                f"{self.secrets / credentials.SIGNING_KEY} holds no key to sign tokens with",
                then="set LUTONG_TOKEN to a token of your issuer, or lutong init --add-missing",
                code=USAGE,
            ) from None

    @property
    def database_urls(self) -> dict[str, str]:
        """The databases, for who only looks."""
        return self.database_urls_as(VERIFIER)


def directory() -> Path:
    """Where compose.yaml is: LUTONG_DEPLOY, or `deploy` of this checkout."""
    given = os.environ.get("LUTONG_DEPLOY")
    return Path(given) if given else Path(lutong_contracts.__file__).parents[3] / "deploy"


def variables_of(file: Path) -> dict[str, str]:
    """What a file of variables sets for compose, with what this shell sets instead."""
    try:
        return env_file.variables(file.read_text(encoding="utf-8"), os.environ)
    except (OSError, ValueError) as error:
        raise ConsoleError(f"{file}: {error}", code=USAGE) from None


def compose() -> Deployment:
    """The suite of `deploy/compose.yaml` on this machine."""
    place = directory()
    try:
        defaults = dict(_DEFAULT.findall((place / "compose.yaml").read_text(encoding="utf-8")))
    except OSError as error:
        raise ConsoleError(f"{place / 'compose.yaml'}: {error.strerror}: set LUTONG_DEPLOY", code=USAGE) from None
    variables = variables_of(place / ".env") if (place / ".env").exists() else {}
    variables |= {name: os.environ[name] for name in (*defaults, *_COMPOSES_OWN) if name in os.environ}
    variables = defaults | {
        name: value for name, value in variables.items() if value
    }  # empty is not set: that is what :- means
    return Deployment(variables, place / variables.get("LUTONG_SECRETS", "secrets"), place)


def _reached(address: str) -> str:
    """Where this machine reaches what listens at an address: everywhere is here too."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing listens because of this
    bare = address.strip("[]")
    host = here.get(bare, bare)
    return f"[{host}]" if ":" in host else host
