"""A deployment in containers has one name: what was chosen is remembered, and each weakness of it is found with its remedy."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from lutong_console import chosen, container_checks, engine, expiry, upgrading
from lutong_console.chosen import Choice
from lutong_console.cli import given
from lutong_console.cli.commands.containers import judge
from lutong_console.cli.commands.doctor import judge_health
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.deployment import variables_of
from lutong_console.engine import Piece
from lutong_console.health import READY, Health
from lutong_console.targets import StackName

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEPLOY = Path(__file__).parents[3] / "deploy"
WANTED: dict[str, dict[str, Any]] = {
    "feed": {"image": "lutong/feed:2", "restart": "unless-stopped", "secrets": [{"source": "postgres_feed"}]},
    "topics": {"image": "lutong/console:2", "restart": "no"},
}
FEED = Piece("feed", "lutong-feed-1", "running", "healthy", 0, "lutong/feed:2", NOW, "sha256:2")
TOPICS = Piece("topics", "lutong-topics-1", "exited", image="lutong/console:2")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("compose.yaml", "compose.production.yaml", "ha.env", "tracing.env"):
        (tmp_path / name).write_text((DEPLOY / name).read_text())
    shutil.copytree(DEPLOY / "sizes", tmp_path / "sizes")
    return tmp_path


def test_a_choice_replaces_what_was_remembered_and_nothing_else() -> None:
    before = "# mine\nLUTONG_FEED_PORT=1\nCOMPOSE_PROFILES=tools\n"
    after = chosen.put(before, {"COMPOSE_PROFILES": "ha", "COMPOSE_FILE": "a:b"})
    assert after.splitlines()[:3] == ["# mine", "LUTONG_FEED_PORT=1", "COMPOSE_PROFILES=ha"]
    assert after.splitlines()[-1] == "COMPOSE_FILE=a:b"
    assert chosen.put(chosen.put(after, {"COMPOSE_FILE": ""}), {"COMPOSE_FILE": "c"}).count("# ----") == 1


def test_three_brokers_are_remembered_with_their_variables(place: Path) -> None:
    found = chosen.values(place, {}, Choice("ha,tools", "production"))
    assert found["COMPOSE_PROFILES"] == "ha,tools"
    assert found["LUTONG_KAFKA_BROKERS"] == "3"
    assert found["COMPOSE_FILE"] == "compose.yaml:compose.production.yaml"
    assert chosen.values(place, {}, Choice()) == {}
    assert chosen.values(place, {}, Choice("none", "none")) == {"COMPOSE_PROFILES": "", "COMPOSE_FILE": ""}


def test_where_traces_go_comes_and_goes_with_their_profile(place: Path) -> None:
    ours = {"LUTONG_OTLP_ENDPOINT": "http://collector:4318"}
    yours = {"LUTONG_OTLP_ENDPOINT": "http://collector.example.org:4318"}
    assert chosen.values(place, {}, Choice("tracing,tools")) == ours | {"COMPOSE_PROFILES": "tracing,tools"}
    assert chosen.values(place, ours, Choice("tools")) == {"LUTONG_OTLP_ENDPOINT": "", "COMPOSE_PROFILES": "tools"}
    assert chosen.values(place, yours, Choice("tools")) == {"COMPOSE_PROFILES": "tools"}


def test_a_size_replaces_another_and_is_taken_back(place: Path) -> None:
    chosen.remember(place, chosen.values(place, {}, Choice(size="large")))
    chosen.remember(place, chosen.values(place, {}, Choice(size="medium")))
    remembered = variables_of(place / ".env")
    assert remembered == variables_of(place / "sizes" / "medium.env")
    assert remembered["LUTONG_FEED_REPLICAS"] == "2"
    chosen.remember(place, chosen.values(place, remembered, Choice(size="none")))
    assert variables_of(place / ".env") == {}


def test_an_override_of_yours_stays_in_force_beside_another(place: Path) -> None:
    (place / "compose.override.yaml").write_text("services: {}")
    found = chosen.values(place, {}, Choice(override="production"))
    assert found["COMPOSE_FILE"] == "compose.yaml:compose.override.yaml:compose.production.yaml"


@pytest.mark.parametrize(
    ("there", "choice", "words"),
    [
        ({}, Choice("high-availability"), "there is no profile"),
        ({}, Choice(override="staging"), "there is no .*compose.staging.yaml"),
        ({}, Choice(size="huge"), "there is no size 'huge': there are small, medium, large, none"),
        ({"LUTONG_KAFKA_BROKERS": "3"}, Choice("tools"), "three brokers"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(place: Path, there: dict[str, str], choice: Choice, words: str) -> None:
    with pytest.raises(ConsoleError, match=words) as refused:
        chosen.values(place, there, choice)
    assert refused.value.code == USAGE


def test_a_choice_is_written_where_compose_looks(place: Path) -> None:
    (place / ".env").write_text("LUTONG_FEED_PORT=1\n")
    chosen.remember(place, {"COMPOSE_PROFILES": "tools"})
    text = (place / ".env").read_text()
    assert "LUTONG_FEED_PORT=1\n" in text
    assert text.endswith("COMPOSE_PROFILES=tools\n")


def test_pieces_that_are_well_are_let_be() -> None:
    assert list(container_checks.judge_pieces(WANTED, [FEED, TOPICS])) == []
    assert list(container_checks.judge_images(WANTED, [FEED, TOPICS])) == []


@pytest.mark.parametrize(
    ("pieces", "what"),
    [
        ([TOPICS], "feed has no container"),
        ([FEED._replace(state="restarting", exit_code=2), TOPICS], "feed: its container is restarting, exit code 2"),
        ([FEED._replace(health="unhealthy"), TOPICS], "feed: its healthcheck fails"),
        ([FEED, TOPICS._replace(exit_code=1)], "topics ended with 1"),
    ],
)
def test_a_piece_that_is_not_well_is_found(pieces: list[Piece], what: str) -> None:
    (finding,) = container_checks.judge_pieces(WANTED, pieces)
    assert finding.what == what
    assert finding.then.startswith("lutong")


def test_a_container_of_another_image_is_found() -> None:
    (finding,) = container_checks.judge_images(WANTED, [FEED._replace(image="lutong/feed:1")])
    assert finding.what == "feed runs lutong/feed:1, and lutong/feed:2 was chosen"


def test_a_secret_changed_under_a_running_container_is_found() -> None:
    configuration = {"services": WANTED}
    changed = {"postgres_feed": NOW + timedelta(minutes=1)}
    (finding,) = container_checks.judge_secrets(configuration, [FEED], changed)
    assert finding.what.startswith("feed runs with postgres_feed as it was")
    assert finding.then == "lutong restart feed"
    older = {"postgres_feed": NOW - timedelta(minutes=1)}
    assert list(container_checks.judge_secrets(configuration, [FEED], older)) == []


def test_brokers_and_copies_are_as_many_as_were_asked_for() -> None:
    assert list(container_checks.judge_brokers(3, 3, {"posts": 3}, {"posts": 3})) == []
    assert list(container_checks.judge_brokers(1, 1, {"posts": 1}, {"posts": 1})) == []
    alone = [finding.what for finding in container_checks.judge_brokers(3, 1, {"posts": 1, "orders": 1}, {"posts": 1})]
    assert alone == ["1 of 3 brokers is there", "orders and 1 more: 1 copy, and 3 were asked for"]
    (behind,) = container_checks.judge_brokers(3, 3, {"posts": 3}, {"posts": 2})
    assert behind.what == "posts: a copy is behind, or its broker is away"


def test_a_disk_that_will_be_full_is_found() -> None:
    output = "Filesystem 1048576-blocks Used Available Capacity Mounted on\n/dev/vda 100 91 9 91% /data\n"
    (finding,) = container_checks.judge_disk("postgres", container_checks.disk_of(output))
    assert finding.what == "postgres: its disk is 91 % full, 9 MB are left"
    assert list(container_checks.judge_disk("postgres", container_checks.disk_of("no table"))) == []


@pytest.mark.parametrize(
    ("piece", "job", "own", "state"),
    [
        (FEED, False, READY, "ready"),
        (FEED, False, Health("not ready", "no database"), "not ready"),
        (FEED._replace(health="starting"), False, None, "starting"),
        (FEED._replace(state="exited", exit_code=137), False, None, "exited"),
        (TOPICS, True, None, "done"),
        (TOPICS._replace(exit_code=1), True, None, "exited"),
        (Piece("feed", "-", "absent"), False, None, "absent"),
    ],
)
def test_a_piece_is_what_its_container_and_it_report(piece: Piece, job: bool, own: Health | None, state: str) -> None:
    found = judge(piece, job=job, own=own)
    assert found.state == state
    assert found.well == (state in {"ready", "done"})


def test_a_plan_names_what_is_made_anew_and_why() -> None:
    configuration = {"name": "lutong", "services": WANTED}

    def planned(output: str, *pieces: Piece) -> list[tuple[str, str]]:
        found = upgrading.changes(configuration, output, {"lutong/feed:2": "sha256:2"}, pieces, {})
        return [(change.piece, change.why) for change in found]

    anew = " DRY-RUN MODE -  Container lutong-feed-1  Recreate\n DRY-RUN MODE -  Container lutong-topics-1  Starting\n"
    assert planned(" DRY-RUN MODE -  Container lutong-feed-1  Running\n", FEED, TOPICS) == []
    assert planned(anew.replace("Recreate", "Create"), TOPICS) == [("feed", "new")]
    assert planned(anew, FEED._replace(image_id="sha256:1"), TOPICS) == [("feed", "image")]
    assert planned(anew, FEED, TOPICS) == [("feed", "settings")]
    assert planned(anew.replace("Recreate", "Starting"), FEED._replace(state="exited")) == [("feed", "stopped")]


def test_a_plan_repeats_what_the_changelog_asks_of_people() -> None:
    changelog = "# Log\n\n## Unreleased\n\n- A: **What you must do**: turn\n  it off.\n- B\n\n## 0.1\n\n**What you must do**: old\n"
    assert upgrading.by_hand(changelog) == ["turn it off."]


def test_what_ends_is_found_before_it_does() -> None:
    def ends(minutes: int) -> list[str]:
        one = expiry.Ends("the token", NOW + timedelta(minutes=minutes), timedelta(hours=1), "renew it")
        return [finding.what for finding in expiry.judge([one], NOW)]

    assert (ends(90), ends(30)) == ([], ["the token ends in 30 minutes"])
    assert ends(-1) == ["the token ended at 2025-12-31 23:59Z"]


@pytest.mark.parametrize("text", ["", "a.b.c", "a", "a.e30.c", "a.bnVsbA.c"])
def test_what_is_no_token_ends_never(text: str) -> None:
    assert expiry.token_ends(text) is None


def test_whatever_stands_at_readyz_becomes_a_finding() -> None:
    odd = {"status": 500, "title": "Bug", "detail": "this is a bug in the service"}
    findings = [finding.what for finding in judge_health("feed", odd, odd)]
    assert findings == [f"feed: /{path} answers 500: this is a bug in the service" for path in ("readyz", "livez")]


def test_a_quiet_service_is_found_with_the_command_that_ends_it() -> None:
    ready = {"checks": {}, "quiet_since": "2026-01-01T00:00:00Z"}
    (finding,) = judge_health("feed", {"live": True, "reason": None}, ready)
    assert "lutong resume" in finding.then


def typed(text: str, *arguments: str) -> str:
    """A text with commands, as a command of the command line shows it when it is given these options."""
    shown: list[str] = []
    program = typer.Typer()

    @program.command()
    def _command(stack: StackName = "default") -> None:
        shown.append(given.here(text))

    CliRunner().invoke(program, arguments)
    return shown[0]


def test_commands_of_servers_are_typed_as_containers_want_them() -> None:
    assert typed("lutong logs feed, then lutong up", "--target", "compose") == (
        "lutong logs --stack compose feed, then lutong up --stack compose"
    )
    settings = typed("kafka-configs.sh --alter --topic x", "--target", "compose")
    assert settings.startswith("docker compose exec kafka /opt/kafka/bin/kafka-configs.sh --bootstrap-server")
    reset = typed("ALTER SYSTEM RESET fsync", "--target", "compose")
    assert 'psql -h 127.0.0.1 -U postgres -c "ALTER SYSTEM RESET fsync" -c' in reset
    assert typed("ALTER SYSTEM RESET fsync") == "ALTER SYSTEM RESET fsync"


def test_the_engine_is_read_as_compose_prints_it() -> None:
    output = (
        '{"Service":"feed","Name":"x-feed-1","State":"running","Health":"healthy","ExitCode":0,"Image":"lutong/feed:2",'
        '"CreatedAt":"2026-01-01 08:00:00 +0800 CST","Labels":"com.docker.compose.image=sha256:2,a=b"}'
    )
    (piece,) = engine.read_pieces(output)
    assert (piece.service, piece.runs, piece.made_at, piece.image_id) == ("feed", True, NOW, "sha256:2")


def test_a_dry_run_that_hangs_is_ended_with_its_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin keeps the pipe open: ending the program alone would wait for it for ever."""
    docker = tmp_path / "docker"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    docker.write_text('#!/bin/sh\necho "$@"\n')
    docker.chmod(0o755)
    assert engine.Engine(tmp_path).would_do(["feed"]) == "compose --dry-run up --detach --no-deps feed\n"
    docker.write_text("#!/bin/sh\nsleep 600 &\nwait\n")
    monkeypatch.setattr(engine, "_ASKED_S", 0.5)
    with pytest.raises(ConsoleError, match="did not end within"):
        engine.Engine(tmp_path).would_do(["feed"])
