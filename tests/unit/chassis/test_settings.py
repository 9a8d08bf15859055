"""Settings that make no sense are refused with the variable's name and what to do."""

import pytest

from lutong_chassis.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "LUTONG_DATABASE_URL is not set"),
        ({"LUTONG_DATABASE_URL": "x", "LUTONG_HTTP_PORT": "70000"}, "LUTONG_HTTP_PORT"),
        ({"LUTONG_DATABASE_URL": "x", "LUTONG_INBOX_RETENTION": "P20D"}, "raise it to at least that"),
        ({"LUTONG_DATABASE_URL": "x", "LUTONG_FAILPOINT": "after_commit"}, "refused unless LUTONG_PROFILE=test"),
    ],
)
def test_wrong_settings_are_explained(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUTONG_DATABASE_URL", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_the_database_url_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTONG_DATABASE_URL", "postgresql://u:canary@h/d")
    settings = load_settings()
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump_json()}"
