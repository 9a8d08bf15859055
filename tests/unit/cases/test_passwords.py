"""A password may have any character: it arrives as it is, or the file that holds it is named."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from lutong_console import credentials, targets
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.deployment import Deployment

DEPLOY = Path(__file__).parents[3] / "deploy"
PASSWORDS = (
    "a/b", "a@b", "a#b", "a?b", "a%b", "a%2Fb", "a:b", "a&b", "&&", 'a"b', "a'b", "a\\b", "a\\", '\\"', "a$b", "${HOME}",
    "`id`", "a b", "a=b", "a+b/c==", "[a]", "]", "{a}", "a;b", "!#", "@BROKER_PASSWORD@", "*", "~", "<a>", "|", "^(", "a\\nb", '"a"',
)  # fmt: skip


def _secrets(place: Path, **files: str) -> Path:
    for name, value in files.items():
        (place / name).write_bytes(value.encode())
    return place


def _deployment(secrets: Path) -> Deployment:
    return Deployment({"LUTONG_BUNDLED_POSTGRES": "0", "LUTONG_POSTGRES_HOST": "db:5432"}, secrets)


@pytest.mark.parametrize("password", [*PASSWORDS, "a,b", "路通", "é"])
def test_a_password_is_the_same_behind_its_url(password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = _secrets(tmp_path, postgres_feed=f"{password}\n", lutong_database_password=f"{password}\r\n")
    monkeypatch.setattr(targets, "SECRETS", place)
    monkeypatch.setenv("LUTONG_FEED_DATABASE_URL", "postgresql://u@db:5432/feed")
    for url in (_deployment(place).database_url("feed", "feed"), targets._database_setting("feed")):
        parts = urlsplit(url)
        assert (unquote(parts.password or ""), parts.hostname, parts.port, parts.path) == (
            password,
            "db",
            5432,
            "/feed",
        )


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"\xff\xfe", b"a\x00b", b"a\tb"])
def test_a_file_that_holds_no_password_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "postgres_feed").write_bytes(content)
    with pytest.raises(ConsoleError, match="postgres_feed") as refused:
        credentials.read(tmp_path, "postgres_feed")
    assert refused.value.code == USAGE


def _started(place: Path, admin: str, broker: str) -> subprocess.CompletedProcess[str]:
    """Run deploy/kafka/start.sh with its places below another, and with programs of Kafka that do nothing."""
    script = (DEPLOY / "kafka" / "start.sh").read_text(encoding="utf-8")
    for name in ("run/secrets", "etc/lutong", "opt/kafka/bin", "var/lib/kafka/data", "tmp"):
        (place / name).mkdir(parents=True, exist_ok=True)
        script = re.sub(rf"(?<![\w/])/{name}\b", str(place / name), script)
    script = re.sub(r"^rm .*$", "", script, flags=re.MULTILINE)
    for program in ("kafka-storage.sh", "kafka-server-start.sh"):
        (place / "opt/kafka/bin" / program).write_text("#!/bin/sh\n")
        (place / "opt/kafka/bin" / program).chmod(0o755)
    (place / "etc/lutong/server.properties").write_bytes((DEPLOY / "kafka" / "server.properties").read_bytes())
    _secrets(place / "run/secrets", kafka_admin=f"{admin}\n", kafka_broker=broker)
    variables = {"NODE": "1", "BROKERS": "1", "CLUSTER_ID": "c", "OUTSIDE_PORT": "19092", "PATH": os.environ["PATH"]}
    return subprocess.run(
        ["/bin/bash", "-c", script], env=variables, capture_output=True, encoding="utf-8", check=False
    )


def _of_jaas(file: Path) -> set[str]:
    """The passwords in a file of properties, read as Java reads one, and then as JAAS reads its values."""
    lines = re.sub(r"\\(.)", r"\1", file.read_text(encoding="utf-8"))
    return {
        re.sub(r"\\(.)", r"\1", found) for found in re.findall(r'(?:password|user_broker)="((?:\\.|[^"\\])*)"', lines)
    }


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_broker_gets_its_passwords_as_they_are(password: str, tmp_path: Path) -> None:
    done = _started(tmp_path, password, password)
    assert (done.returncode, done.stderr) == (0, "")
    assert _of_jaas(tmp_path / "tmp/server.properties") == {password}
    assert _of_jaas(tmp_path / "tmp/admin.properties") == {password}
    passwords = re.findall(
        r'^SCRAM-SHA-512=\[name=\w+,password="(.*)"\]$', (tmp_path / "tmp/format").read_text(), re.MULTILINE
    )
    assert passwords == [password, password]


@pytest.mark.parametrize("password", ["a,b", "路通", "a\nb", " a", "a ", ""])
def test_a_broker_names_the_password_it_cannot_use(password: str, tmp_path: Path) -> None:
    done = _started(tmp_path, "fine", password)
    assert done.returncode == 2
    assert "secret kafka_broker has to be one line" in done.stderr
