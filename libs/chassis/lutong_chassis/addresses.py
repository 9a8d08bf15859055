"""Addresses as operators write them: read where they are set, so that what can never work is refused at start.

Each function gives the address as it is to be used, or raises ValueError with a sentence that holds no part of a secret.
"""

import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

_SHAPE: Final = "postgresql://user@host:port/database"
_ENCODE: Final = "percent-encode the password in it, or take it out and set the password apart"
_TRACES: Final = "/v1/traces"
_SSLMODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def postgres_url(given: str) -> str:
    """The URL of a database, for asyncpg."""
    if given.strip() and "://" not in given:
        raise ValueError(f"must be a URL: {_SHAPE}")
    url = _one_word(given)
    parts = _split(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        known = parts.scheme if re.fullmatch(r"[a-z][a-z0-9+.:-]{0,30}", parts.scheme) else "something else"
        raise ValueError(f"must begin with postgresql://, and begins with {known}://")
    login, _, hosts = parts.authority.rpartition("@")
    if "@" in login + parts.path + parts.query or parts.fragment or re.search(r"%(?![0-9A-Fa-f]{2})", url):
        raise ValueError(f"cannot be read as {_SHAPE}: {_ENCODE}")
    if hosts and not all(map(_is_host, hosts.split(","))):
        raise ValueError(f"has a host or port that cannot be read; write {_SHAPE}, and {_ENCODE}")
    if parts.query and not all(re.fullmatch(r"[^=]+=.*", part) for part in parts.query.split("&")):
        raise ValueError("has parameters behind its ? that cannot be read: write name=value&name=value")
    return url


def authorities(name: str, file: Path) -> None:
    """Check the file of certificates that a variable names: what cannot be read verifies nobody, however long one waits."""
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise ValueError(f"{name} is {file}, which holds no certificate in PEM form") from None
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise ValueError(f"{name} is {file}, and {why}") from None


def postgres_tls(url: str, environment: Mapping[str, str]) -> None:
    """Check how PostgreSQL is verified: by parameters of its URL, or by libpq's variables."""
    query = dict(part.partition("=")[::2] for part in _split(url).query.split("&") if part)
    for name, mode in (
        ("sslmode in LUTONG_DATABASE_URL", query.get("sslmode")),
        ("PGSSLMODE", environment.get("PGSSLMODE")),
    ):
        if mode is not None and mode not in _SSLMODES:
            raise ValueError(f"{name} is none of {', '.join(_SSLMODES)}")
    for name, file in (
        ("sslrootcert in LUTONG_DATABASE_URL", query.get("sslrootcert")),
        ("PGSSLROOTCERT", environment.get("PGSSLROOTCERT")),
    ):
        if file and "%" not in file:
            authorities(name, Path(file))


def kafka_brokers(given: str) -> str:
    """Addresses of brokers, for aiokafka: host:port, with commas between them."""
    for broker in given.split(","):
        address = broker.strip()
        if "://" in address:
            raise ValueError(
                "must be host:port without a scheme: what is before :// belongs to LUTONG_KAFKA_SECURITY_PROTOCOL"
            )
        if not _is_host(address):
            raise ValueError(f"must be host:port, with commas between several: {address!r} is not")
    return ",".join(broker.strip() for broker in given.split(","))


def traces_url(given: str) -> str:
    """Where spans go. A collector's address alone is completed as OpenTelemetry completes its own variable."""
    url = http_url(given)
    return url if _split(url).path not in {"", "/"} else url.rstrip("/") + _TRACES


def http_url(given: str) -> str:
    """A URL of HTTP."""
    url = _one_word(given)
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not _is_host(parts.authority.rpartition("@")[2]):
        raise ValueError("must be a URL such as http://collector:4318")
    return url


def keys_url(given: str) -> str:
    """Where an issuer's keys are: nobody on the way may change what it answers."""
    url = http_url(given)
    if _split(url).scheme != "https" and not is_here(url):
        raise ValueError("must be asked over https")
    return url


def is_here(url: str) -> bool:
    """Whether a URL names this machine by its loopback: no proxy leads there."""
    return is_loopback(host_of(url))


def host_of(url: str) -> str:
    """The host of a URL, without user, password and port."""
    host = _split(url).authority.rpartition("@")[2]
    return host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and nobody else reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listening_host(given: str) -> str:
    """A name or address to listen on: no port, no scheme, no brackets."""
    host = _one_word(given)
    if not _is_host(f"[{host}]" if host.count(":") > 1 else host) or host.count(":") == 1:
        raise ValueError("must be an address or a name alone, such as 127.0.0.1 or ::")
    return host


def token(given: str) -> str:
    """A token for a header: what a shell or a file put around it is taken off."""
    bare = given.strip()
    if not bare or not all("!" <= character <= "~" for character in bare):
        raise ValueError("must be printable ASCII without spaces: look for a line end in it")
    return bare


class _Parts(NamedTuple):
    """A URL, taken apart and otherwise as it is. The services that read this import nothing that could follow one."""

    scheme: str
    authority: str
    path: str
    query: str
    fragment: str


def _split(url: str) -> _Parts:
    scheme, _, rest = url.partition("://")
    before, _, fragment = rest.partition("#")
    before, _, query = before.partition("?")
    authority, slash, path = before.partition("/")
    return _Parts(scheme, authority, slash + path, query, fragment)


def _one_word(given: str) -> str:
    bare = given.strip()
    if not bare:
        raise ValueError("is empty")
    if not all(character.isprintable() and not character.isspace() for character in bare):
        raise ValueError("has a space or a line end in it")
    return bare


def _is_host(text: str) -> bool:
    """Whether a text is `host`, `host:port` or `[::1]:port`."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/@\[\]?#,]+)(?::(\d{1,5}))?", text)
    return found is not None and 0 < int(found[2] or 1) < 65536
