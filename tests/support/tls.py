"""An authority of a test's own, and a PostgreSQL of Debian's that speaks TLS alone, with a certificate that it signed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lutong_local.ports import free_port
from tests.support.nobody import give_to_nobody

_PASSWORD = "p@ss/w:rd%41"  # noqa: S105  # of a server that lives as long as a test


@dataclass(frozen=True, slots=True)
class Authority:
    """Files in PEM form: its own certificate, and one for 127.0.0.1 with its key."""

    certificate: Path
    served: Path
    served_key: Path


def authority(directory: Path) -> Authority:
    """Make an authority, and a certificate that it signs for 127.0.0.1."""
    directory.mkdir()
    made = Authority(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name(f"the authority {directory.name}")
    alone = x509.BasicConstraints(ca=True, path_length=0)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    by_itself = _builder(issuer, issuer, root.public_key()).add_extension(alone, critical=True)
    signed = _builder(issuer, _name("127.0.0.1"), key.public_key()).add_extension(address, critical=False)
    made.certificate.write_bytes(by_itself.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    made.served.write_bytes(signed.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    made.served_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made.served_key.chmod(0o600)
    return made


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer, subject, key, x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    )


@dataclass(frozen=True, slots=True)
class Server:
    """PostgreSQL that takes no connection without TLS. Its superuser is called `chief`."""

    port: int
    superuser: str = "chief"
    password: str = _PASSWORD


@contextmanager
def postgres(directory: Path, by: Authority) -> Iterator[Server]:
    """Start one with a certificate of this authority; skips where Debian's PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("no PostgreSQL that knows TLS is installed: apt-get install postgresql, and run this again")
    made, binaries = Server(free_port()), found[-1].parent
    directory.mkdir()
    for source in (by.served, by.served_key):
        shutil.copy(source, directory / source.name)
    (directory / "password").write_text(made.password, encoding="utf-8")
    give_to_nobody(directory)
    _run(
        [binaries / "initdb", "-D", directory / "data", f"--username={made.superuser}", "--auth=scram-sha-256",
         f"--pwfile={directory / 'password'}", "--encoding=UTF8", "--no-locale", "--no-sync"],
        directory,
    )  # fmt: skip
    (directory / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii")
    options = {
        "port": made.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "ssl": "on",
        "ssl_cert_file": directory / by.served.name, "ssl_key_file": directory / by.served_key.name,
    }  # fmt: skip
    settings = " ".join(f"-c {name}='{value}'" for name, value in options.items())
    log = directory / "postgres.log"
    _run([binaries / "pg_ctl", "-D", directory / "data", "-l", log, "-o", settings, "-w", "start"], directory)
    try:
        yield made
    finally:
        _run([binaries / "pg_ctl", "-D", directory / "data", "-m", "immediate", "-w", "stop"], directory)


def _run(command: list[str | Path], directory: Path) -> None:
    user = "nobody" if os.geteuid() == 0 else None
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, user=user, extra_groups=[] if user else None, cwd=directory, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
