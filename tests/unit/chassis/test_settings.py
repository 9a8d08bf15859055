"""Settings that make no sense are refused with the variable's name and what to do."""

import pytest

from lutong_chassis.settings import SettingsError, load_settings

GOOD = {"LUTONG_DATABASE_URL": "x", "LUTONG_AUTH_KEYS_FILE": "/keys/jwks.json", "LUTONG_AUTH_ISSUER": "https://issuer"}


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
        load_settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_who_asks_may_be_ignored_on_loopback_only(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LUTONG_DATABASE_URL": "x", "LUTONG_AUTH": "off", "LUTONG_HTTP_HOST": host}.items():
        monkeypatch.setenv(name, value)
    assert load_settings().auth == "off"


def test_the_database_url_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GOOD | {"LUTONG_DATABASE_URL": "postgresql://u:canary@h/d"}).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump_json()}"
