"""Settings that make no sense are refused with the variable's name and what to do."""

import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import pytest
from faststream.kafka.security import parse_security
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from lutong_chassis.kafka import KafkaAccess, Protocol
from lutong_chassis.settings import Settings, SettingsError, read
from lutong_chassis.subscriber import security
from lutong_inventory.settings import InventorySettings
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.settings import MembershipSettings

GOOD = {
    "LUTONG_DATABASE_URL": "postgresql://x",
    "LUTONG_AUTH_KEYS_FILE": "/keys/jwks.json",
    "LUTONG_AUTH_ISSUER": "https://issuer",
}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"LUTONG_DATABASE_URL": None}, "LUTONG_DATABASE_URL is not set"),
        ({"LUTONG_HTTP_PORT": "70000"}, "LUTONG_HTTP_PORT"),
        ({"LUTONG_INBOX_RETENTION": "P20D"}, "raise it to at least that"),
        ({"LUTONG_FAILPOINT": "after_commit"}, "refused unless LUTONG_PROFILE=test"),
        ({"LUTONG_AUTH_KEYS_FILE": None}, "LUTONG_AUTH_KEYS_FILE and LUTONG_AUTH_ISSUER are not set"),
        ({"LUTONG_AUTH_ISSUER": None}, "LUTONG_AUTH_KEYS_FILE and LUTONG_AUTH_ISSUER are not set"),
        ({"LUTONG_AUTH": "off", "LUTONG_HTTP_HOST": "0.0.0.0"}, "refused unless LUTONG_HTTP_HOST is loopback"),  # noqa: S104  # that is the point
        ({"LUTONG_AUTH": "off", "LUTONG_HTTP_HOST": "::"}, "refused unless LUTONG_HTTP_HOST is loopback"),
        ({"LUTONG_AUTH": "off", "LUTONG_HTTP_HOST": "feed.internal"}, "refused unless LUTONG_HTTP_HOST is loopback"),
        ({"LUTONG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "set LUTONG_KAFKA_USERNAME"),
        ({"LUTONG_KAFKA_SECURITY_PROTOCOL": "TLS"}, "LUTONG_KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_wrong_settings_are_explained(
    variables: dict[str, str | None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (GOOD | variables).items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        read(Settings)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "LUTONG_DATABASE_URL",
            "postgresql+asyncpg://u:p@h/d",
            r"must begin with postgresql://, and begins with postgresql\+asyncpg://",
        ),
        ("LUTONG_DATABASE_URL", "jdbc:postgresql://h/d", "begins with jdbc:postgresql://"),
        ("LUTONG_DATABASE_URL", "mysql://u:p@h/d", "begins with mysql://"),
        ("LUTONG_DATABASE_URL", "host=h dbname=d user=u password=canary", "must be a URL: postgresql://"),
        ("LUTONG_DATABASE_URL", "host=h", "must be a URL: postgresql://user@host:port/database"),
        ("LUTONG_DATABASE_URL", "postgresql://u:can/ary@h:5432/d", "percent-encode the password"),
        ("LUTONG_DATABASE_URL", "postgresql://u:can@ary@h:5432/d", "percent-encode the password"),
        ("LUTONG_DATABASE_URL", "postgresql://u:can#ary@h:5432/d", "percent-encode the password"),
        ("LUTONG_DATABASE_URL", "postgresql://u:can?ary@h:5432/d", "percent-encode the password"),
        ("LUTONG_DATABASE_URL", "postgresql://u:can%ary@h:5432/d", "percent-encode the password"),
        ("LUTONG_DATABASE_URL", "postgresql://u:p@h:port/d", "a host or port that cannot be read"),
        ("LUTONG_DATABASE_URL", "postgresql://u:p@h:70000/d", "a host or port that cannot be read"),
        ("LUTONG_DATABASE_URL", "postgresql://u:p@h/d?sslmode", "parameters behind its"),
        ("LUTONG_DATABASE_URL", "postgresql://u:p@h/\nd", "a line end"),
        ("LUTONG_DATABASE_URL", "", "is empty"),
        ("LUTONG_KAFKA_BOOTSTRAP", "kafka://h:9092", "without a scheme"),
        ("LUTONG_KAFKA_BOOTSTRAP", "PLAINTEXT://h:9092", "without a scheme"),
        ("LUTONG_KAFKA_BOOTSTRAP", "", "must be host:port"),
        ("LUTONG_KAFKA_BOOTSTRAP", "h:port", "'h:port' is not"),
        ("LUTONG_KAFKA_BOOTSTRAP", "h:9092,", "'' is not"),
        ("LUTONG_KAFKA_BOOTSTRAP", "h:9092;g:9092", "is not"),
        ("LUTONG_KAFKA_BOOTSTRAP", "h:99999", "is not"),
        ("LUTONG_OUTBOX_RETENTION", "-P7D", "greater than or equal to 1 day"),
        ("LUTONG_OUTBOX_RETENTION", "PT1H", "greater than or equal to 1 day"),
        ("LUTONG_OUTBOX_RETENTION", "7", "valid timedelta|greater than or equal to 1 day"),
        ("LUTONG_PARKED_RETENTION", "P999999D", "less than or equal to 3650 days"),
        ("LUTONG_INBOX_RETENTION", "forever", "valid timedelta"),
        ("LUTONG_RETRY_DELAY_MAX_S", "inf", "finite"),
        ("LUTONG_STATEMENT_TIMEOUT_S", "nan", "finite|greater than 0"),
        ("LUTONG_OTLP_ENDPOINT", "collector:4318", "must be a URL such as http://collector:4318"),
        ("LUTONG_OTLP_ENDPOINT", "grpc://collector:4317", "must be a URL such as http://collector:4318"),
        ("LUTONG_HTTP_HOST", "http://0.0.0.0", "an address or a name alone"),
        ("LUTONG_HTTP_HOST", "127.0.0.1:8000", "an address or a name alone"),
    ],
)
def test_what_can_never_work_is_refused_by_its_name(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, good in (GOOD | {name: value}).items():
        monkeypatch.setenv(variable, good)
    with pytest.raises(SettingsError, match=f"^{name}.*{message}") as refused:
        read(Settings)
    assert "ary" not in str(refused.value).replace("library", "")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PGSSLMODE": "verify"}, "PGSSLMODE is none of disable, allow, prefer"),
        ({"PGSSLROOTCERT": "none.pem"}, "PGSSLROOTCERT is none.pem, and there is no such file"),
        ({"PGSSLROOTCERT": __file__}, r"PGSSLROOTCERT is \S+, which holds no certificate"),
        ({"LUTONG_DATABASE_URL": "postgresql://u@h/d?sslmode=full"}, "sslmode in LUTONG_DATABASE_URL is none of"),
        (
            {"LUTONG_DATABASE_URL": "postgresql://u@h/d?sslrootcert=a.pem"},
            "sslrootcert in LUTONG_DATABASE_URL is a.pem",
        ),
        ({"LUTONG_KAFKA_SECURITY_PROTOCOL": "SSL", "LUTONG_KAFKA_CA_FILE": __file__}, "holds no certificate"),
        ({"LUTONG_KAFKA_SECURITY_PROTOCOL": "SSL", "LUTONG_KAFKA_CA_FILE": "a.pem"}, "there is no such file"),
    ],
)
def test_an_authority_that_verifies_nobody_is_refused_at_start(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, given in (GOOD | variables).items():
        monkeypatch.setenv(variable, given)
    with pytest.raises(SettingsError, match=message):
        read(Settings)


def test_an_authority_that_is_not_set_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, given in (GOOD | {"LUTONG_KAFKA_CA_FILE": "", "PGSSLROOTCERT": "", "PGSSLMODE": "prefer"}).items():
        monkeypatch.setenv(variable, given)
    assert read(Settings).kafka_ca_file is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LUTONG_DATABASE_URL", "postgres://u:p%2F%40@h:5432/d?sslmode=require"),
        ("LUTONG_DATABASE_URL", "postgresql://u@one:5432,two:5433/d?target_session_attrs=read-write"),
        ("LUTONG_DATABASE_URL", "postgresql://u@[::1]:5432/d"),
        ("LUTONG_DATABASE_URL", "postgresql:///d?host=/run/postgresql"),
        ("LUTONG_KAFKA_BOOTSTRAP", "one:9092, two:9093"),
        ("LUTONG_KAFKA_BOOTSTRAP", "[::1]:9092"),
        ("LUTONG_HTTP_HOST", "::1"),
        ("LUTONG_OUTBOX_RETENTION", "P1D"),
    ],
)
def test_the_control_what_can_work_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, good in (GOOD | {name: value}).items():
        monkeypatch.setenv(variable, good)
    assert read(Settings).auth == "required"


@pytest.mark.parametrize(
    ("endpoint", "used"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://collector/otlp/v1/traces", "https://collector/otlp/v1/traces"),
    ],
)
def test_an_otlp_endpoint_without_a_path_is_completed(
    endpoint: str, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (GOOD | {"LUTONG_OTLP_ENDPOINT": endpoint}).items():
        monkeypatch.setenv(name, value)
    assert read(Settings).otlp_endpoint == used


def test_secrets_come_from_files_and_are_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LUTONG_DATABASE_URL")
    monkeypatch.setenv("LUTONG_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("LUTONG_KAFKA_USERNAME", "lutong-feed")
    (tmp_path / "lutong_database_url").write_text("postgresql://u:canary-1@h/d\n")
    (tmp_path / "lutong_database_password").write_text("canary-2\n")
    (tmp_path / "lutong_kafka_password").write_text("canary-3\n")
    settings = read(Settings, tmp_path)
    assert settings.database_url.get_secret_value() == "postgresql://u:canary-1@h/d"
    assert settings.kafka.credentials == ("lutong-feed", "canary-3")
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump_json()} {settings.kafka!r}"


def test_a_variable_wins_over_a_secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lutong_database_url").write_text("postgresql://file")
    for name, value in (GOOD | {"LUTONG_DATABASE_URL": "postgresql://variable"}).items():
        monkeypatch.setenv(name, value)
    assert read(Settings, tmp_path).database_url.get_secret_value() == "postgresql://variable"


@pytest.mark.parametrize(
    ("protocol", "encrypted", "authenticated"),
    [("PLAINTEXT", False, False), ("SSL", True, False), ("SASL_PLAINTEXT", False, True), ("SASL_SSL", True, True)],
)
def test_every_client_comes_the_same_way(protocol: Protocol, encrypted: bool, authenticated: bool) -> None:
    kafka = KafkaAccess("broker:9092", protocol, "lutong-feed", SecretStr("p"))
    faststream = {name: value for name, value in parse_security(security(kafka)).items() if value is not None}
    ours = {name: value for name, value in kafka.client.items() if name != "bootstrap_servers"}
    assert ours.keys() == (faststream or {"security_protocol": protocol}).keys()
    assert ours["security_protocol"] == faststream.get("security_protocol", "PLAINTEXT") == protocol
    assert ("ssl_context" in ours, "sasl_mechanism" in ours) == (encrypted, authenticated)
    if encrypted:
        assert (ours["ssl_context"].check_hostname, ours["ssl_context"].verify_mode) == (True, ssl.CERT_REQUIRED)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_who_asks_may_be_ignored_on_loopback_only(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LUTONG_DATABASE_URL": "postgresql://x",
        "LUTONG_AUTH": "off",
        "LUTONG_HTTP_HOST": host,
    }.items():
        monkeypatch.setenv(name, value)
    assert read(Settings).auth == "off"


def test_the_database_url_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GOOD | {"LUTONG_DATABASE_URL": "postgresql://u:canary@h/d"}).items():
        monkeypatch.setenv(name, value)
    settings = read(Settings)
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("wanted", "name", "value"),
    [
        (InventorySettings, "LUTONG_ACCEPTANCE_WINDOW_S", "soon"),
        (InventorySettings, "LUTONG_ACCEPTANCE_WINDOW_S", "inf"),
        (MembershipSettings, "LUTONG_PLAN_DAY_S", "-1"),
        (MembershipSettings, "LUTONG_HOLD_LIFE_S", "inf"),
        (DeductionSettings, "LUTONG_DEDUCTION_PAUSE_S", "inf"),
        (MembershipSettings, "LUTONG_FOUR_EYES_ABOVE", "10000"),
        (MembershipSettings, "LUTONG_FOUR_EYES_ABOVE_MINOR", "1.5"),
        (DeductionSettings, "LUTONG_DEDUCTION_TIMEOUT_S", "0"),
    ],
)
def test_settings_of_a_service_are_explained_by_their_full_names(
    wanted: type[BaseSettings], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: "):
        read(wanted)


def test_a_secret_of_a_service_may_be_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTONG_DEDUCTION_URL", "https://bank.example")
    (tmp_path / "lutong_deduction_token").write_text("canary\n")
    settings = read(DeductionSettings, tmp_path)
    assert settings.token is not None
    assert settings.token.get_secret_value() == "canary"
    assert "canary" not in f"{settings!r}"


_READ = """
import os, sys
from pathlib import Path
from lutong_chassis.settings import Settings, SettingsError, read
if os.geteuid() == 0:
    os.setuid(65534)
try:
    read(Settings, Path(sys.argv[1]))
except SettingsError as error:
    print(error)
"""


def test_a_secret_that_may_not_be_read_is_named_with_its_remedy() -> None:
    place = Path(mkdtemp(dir="/tmp"))  # where nobody may go, too
    try:
        place.chmod(0o755)
        file = place / "lutong_database_password"
        file.write_text("x")
        file.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", _READ, str(place)],
            env=os.environ | {"LUTONG_DATABASE_URL": "postgresql://a@b/c"},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        shutil.rmtree(place)
    assert done.stdout.startswith(f"secret {file}: Permission denied")
    assert "chgrp" in done.stdout
