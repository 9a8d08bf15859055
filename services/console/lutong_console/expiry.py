"""What ends at a moment: certificates and tokens that a deployment uses. Found before it does."""

import base64
import binascii
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from cryptography import x509

from lutong_console.deployment import Deployment
from lutong_console.findings import Finding

_CERTIFICATE_SOON: Final = timedelta(days=21)
_TOKEN_SOON: Final = timedelta(hours=1)


class Ends(NamedTuple):
    """Something that ends: `soon` is how long before that it is worth a word."""

    what: str
    at: datetime
    soon: timedelta
    then: str


def judge(ends: Iterable[Ends], now: datetime) -> Iterator[Finding]:
    """What has ended, or will soon."""
    for each in ends:
        left = each.at - now
        if left <= timedelta(0):
            yield Finding(f"{each.what} ended at {each.at:%Y-%m-%d %H:%M}Z", each.then)
        elif left < each.soon:
            shown = f"{left.days} days" if left.days > 1 else f"{left.total_seconds() / 60:.0f} minutes"
            yield Finding(f"{each.what} ends in {shown}", each.then)


def found(deployment: Deployment | None) -> list[Ends]:
    """What is used here: the token of this command line, and the CA of Kafka's certificates."""
    ends = []
    token, file = os.environ.get("LUTONG_TOKEN", ""), os.environ.get("LUTONG_TOKEN_FILE", "")
    if not token and file:
        token = _text(Path(file))
    if token and (at := token_ends(token)):
        name = "the token of LUTONG_TOKEN" if os.environ.get("LUTONG_TOKEN") else f"the token in {file}"
        ends.append(Ends(name, at, _TOKEN_SOON, "beside the containers: lutong token --console --target compose"))
    variables = {**(deployment.variables if deployment else {}), **os.environ}
    for variable in ("LUTONG_KAFKA_CA_FILE", "LUTONG_POSTGRES_CA_FILE"):
        pem = (deployment.place if deployment else Path()) / variables.get(variable, os.devnull)
        text = "" if pem == Path(os.devnull) else _text(pem)
        what, then = f"a certificate in {variable}", "put the new one into that file"
        ends += [Ends(what, at, _CERTIFICATE_SOON, then) for at in certificates_end(text)]
    return ends


def token_ends(token: str) -> datetime | None:
    """When a token ends, by its own word; None for what is no token. Nobody is trusted because of this."""
    try:
        part = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, binascii.Error):
        return None


def certificates_end(text: str) -> list[datetime]:
    """When each certificate of a PEM file ends; none for what is no such file."""
    try:
        return [each.not_valid_after_utc for each in x509.load_pem_x509_certificates(text.encode())] if text else []
    except ValueError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
