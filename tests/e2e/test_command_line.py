"""The `lutong` command line as an operator types it: data on stdout, the rest on stderr, honest exit codes."""

import json
import socket
from pathlib import Path

import pytest

from lutong_chassis.testing import an_admin
from lutong_chassis.tokens import make_keys
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_contracts import TOPICS
from lutong_local.stack import Stack
from tests.support.command_line import Lutong
from tools.datasets import __main__ as datasets

DATA = Path(__file__).parents[3] / "shared" / "data"


async def test_the_audit_of_all_services_is_printed_in_order_of_time(
    lutong: Lutong, scenarios: dict[str, Scenario]
) -> None:
    await ROADS[2].walk(scenarios["c"])
    done = lutong("audit", "--since", "1h", "--json")
    answer = json.loads(done.stdout)
    times = [row["at"] for row in answer["rows"]]
    assert (done.returncode, answer["silent"]) == (0, [])
    assert len({row["service"] for row in answer["rows"]}) > 1
    assert times == sorted(times, reverse=True)
    one = answer["rows"][0]
    found = json.loads(lutong("audit", "--subject", one["subject"], "--action", one["action"], "--json").stdout)["rows"]
    assert {(row["subject"], row["action"]) for row in found} == {(one["subject"], one["action"])}
    assert one["action"] in lutong("audit", "--limit", "1").stdout


def test_a_service_that_is_silent_is_named_and_hides_no_other(lutong: Lutong) -> None:
    away = lutong.having(LUTONG_FEED_URL="http://127.0.0.1:9")
    done = away("audit", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["silent"]) == (3, ["feed"])
    assert answer["rows"]
    assert "feed does not answer" in away("audit").stderr


def test_an_unknown_service_is_a_mistake_of_the_caller(lutong: Lutong) -> None:
    done = lutong("audit", "--service", "fed")
    assert done.returncode == 2
    assert "there is no service 'fed'" in done.stderr


def test_status_shows_that_everything_is_ready(lutong: Lutong) -> None:
    done = lutong("status", "--json")
    assert done.returncode == 0
    assert {piece["piece"]: piece["state"] for piece in json.loads(done.stdout)} == dict.fromkeys(
        ("kafka", "postgres", "feed", "registry", "membership", "inventory"), "ready"
    )


def test_a_console_whose_port_is_taken_names_another(lutong: Lutong) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = lutong("console", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (2, "")
    assert "is taken\nnext: lutong console --port 0" in done.stderr


async def test_a_journey_is_printed_from_the_services_own_records(
    lutong: Lutong, scenarios: dict[str, Scenario]
) -> None:
    await ROADS[0].walk(scenarios["a"])
    done = lutong("journey", scenarios["a"].journey, "--json")
    assert [step["event"] for step in json.loads(done.stdout)] == list(ROADS[0].events)
    assert "ServiceDiscovered" in lutong("journey", scenarios["a"].journey).stdout
    assert lutong("journey", "nothing").returncode == 1


async def test_tail_prints_one_document_per_line_when_piped(lutong: Lutong, scenarios: dict[str, Scenario]) -> None:
    await ROADS[0].walk(scenarios["a"])
    done = lutong(
        "tail", "posts", "discoveries", "--since", "start", "--journey", scenarios["a"].journey, "--limit", "2"
    )
    assert done.returncode == 0
    assert {json.loads(line)["type"] for line in done.stdout.splitlines()} == {
        "lutong.feed.post-published.v1",
        "lutong.registry.service-discovered.v1",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["tail", "nosuch"], 2, "there is no topic"),
        (["tail", "--since", "soon"], 2, "write 30s, 10m, 2h"),
        (["logs", "nosuch"], 2, "there is no piece"),
        (["nosuch"], 2, "No such command"),
        (["status", "--stack", "nosuch"], 3, "lutong up"),
        (["journey", "x", "--stack", "nosuch"], 3, "lutong up"),
        (["parked", "redrive", "feed", "1", "--reason", "x" * 9], 1, "not open"),
        (["replay", "/nonexistent"], 2, "there is no file"),
        (["token", "--stack", "nosuch"], 3, "lutong token --stack nosuch --key FILE"),
    ],
)
def test_errors_name_the_next_command_and_exit_codes_are_honest(
    arguments: list[str], code: int, expected: str, lutong: Lutong
) -> None:
    done = lutong(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_services_believe_who_a_token_names(lutong: Lutong) -> None:
    viewer = lutong("token", "--role", "viewer").stdout.strip()
    looking = lutong.having(LUTONG_TOKEN=viewer)
    assert looking("parked", "list").returncode == 0
    refused = looking("parked", "redrive", "feed", "1", "--reason", "x" * 9)
    assert refused.returncode == 1
    assert "this is for operator, and your token has the role viewer" in refused.stderr
    assert "next: set LUTONG_TOKEN" in refused.stderr


def test_a_token_of_another_key_is_refused_and_not_shown(lutong: Lutong, tmp_path: Path) -> None:
    token = make_keys(tmp_path / "keys").token(an_admin())
    (tmp_path / "token").write_text(f"{token}\n")
    done = lutong.having(LUTONG_TOKEN_FILE=str(tmp_path / "token"))("parked", "list")
    assert done.returncode == 1
    assert "401" in done.stderr
    assert token not in done.stderr


def test_the_signing_key_of_a_stack_is_for_its_owner(stack: Stack) -> None:
    assert (stack.keys / "signing-key.pem").stat().st_mode & 0o077 == 0
    assert stack.keys.stat().st_mode & 0o077 == 0
    assert all("PRIVATE" not in path.read_text(errors="replace") for path in stack.directory.glob("*.log"))


def test_lists_are_there(lutong: Lutong) -> None:
    assert lutong("parked", "list").stdout == "nothing is parked\n"
    assert len(json.loads(lutong("topics", "list", "--json").stdout)) == len(TOPICS)
    assert lutong("topics", "apply").stdout == "all topics are there\n"
    assert "feed" in lutong("logs", "feed", "-n", "1").stdout
    assert "Examples:" in lutong("--help").stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data (real open data), which the project never contains")
def test_real_data_replays_and_everything_adds_up(lutong: Lutong, tmp_path: Path) -> None:
    amounts = ["--posts", "200", "--orders", "200", "--stores", "40", "--follows", "30000"]
    assert datasets.main([str(DATA), str(tmp_path), *amounts]) == 0
    done = lutong("replay", str(tmp_path), "--json", timeout_s=280)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["rejected"], report["unended"], report["parked"], report["unbalanced"]) == (0, 0, 0, 0)
    assert sum(report["orders_by_outcome"].values()) >= 200
    assert report["orders_by_outcome"]["fulfilled"] > 0
