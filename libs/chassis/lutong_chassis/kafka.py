"""Where Kafka is, and as whom to come: one value that every client takes."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import SecretStr

from lutong_chassis import _patches

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
MECHANISM: Final = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """How to reach Kafka. `KafkaAccess("127.0.0.1:9092")` is a plain listener: the local tier's, and nobody else's."""

    bootstrap: str
    protocol: Protocol = "PLAINTEXT"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None

    @property
    def brokers(self) -> list[str]:
        """Each broker of `bootstrap`: FastStream takes a text for one address, commas and all."""
        return [broker.strip() for broker in self.bootstrap.split(",")]

    @property
    def client(self) -> dict[str, Any]:
        """What every client of aiokafka is made with. A consumer then gives whatever is on a topic, and a dead broker is given up."""
        _patches.install("aiokafka", _patches.of_aiokafka)
        options: dict[str, Any] = {"bootstrap_servers": self.brokers, "security_protocol": self.protocol}
        if tls := self.tls:
            options["ssl_context"] = tls
        if self.protocol.startswith("SASL"):
            username, password = self.credentials
            options |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": username,
                "sasl_plain_password": password,
            }
        return options

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Verifies the broker's name, by the authorities of the system unless a file names others."""
        return ssl.create_default_context(cafile=self.ca_file) if self.protocol.endswith("SSL") else None

    @property
    def credentials(self) -> tuple[str, str]:
        """Username and password."""
        if not (self.username and self.password):
            raise ValueError(f"{self.protocol} needs a username and a password")
        return self.username, self.password.get_secret_value()
