"""The engine of a deployment in containers: what `docker compose` is given, and what it prints.

Everything runs in the folder of compose.yaml, without `--file` and `--profile`: what was chosen stands in `.env` there
(`chosen.py`), so that an operator who types `docker compose` in that folder means the same deployment.
"""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError

_ASKED_S: Final = 60.0
_IMAGE: Final = "com.docker.compose.image"
_AWAY: Final = re.compile(r"cannot connect to the docker daemon|is the docker daemon running|permission denied", re.IGNORECASE)  # fmt: skip


class Piece(NamedTuple):
    """A container of the deployment. `state` is the engine's word, `health` is empty where nothing looks."""

    service: str
    name: str
    state: str
    health: str = ""
    exit_code: int = 0
    image: str = ""
    made_at: datetime | None = None
    image_id: str = ""

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class Engine:
    """Compose, in the folder of one deployment."""

    place: Path

    def ask(self, *arguments: str, timeout_s: float = _ASKED_S) -> str:
        """What compose reports; ConsoleError when it refuses, or does not answer in time."""
        return run("docker", "compose", *arguments, place=self.place, timeout_s=timeout_s)

    def tell(self, *arguments: str) -> None:
        """Have compose do something; what it prints meanwhile goes to stderr, where a person reads it."""
        try:
            done = subprocess.run(["docker", "compose", *arguments], cwd=self.place, stdout=2, check=False)  # noqa: S603, S607  # our own arguments, no shell
        except OSError as error:
            raise _absent("docker", error) from None
        if done.returncode:
            raise ConsoleError(
                f"docker compose {' '.join(arguments)} ended with {done.returncode}: its own words are above",
                then="lutong status --target compose",
            )

    def pieces(self) -> list[Piece]:
        """All containers of the deployment, those that have ended too."""
        return read_pieces(self.ask("--profile", "*", "ps", "--all", "--format", "json"))

    def configuration(self) -> Mapping[str, Any]:
        """What compose makes of the files and variables that were chosen."""
        found: dict[str, Any] = json.loads(self.ask("config", "--format", "json"))
        return found

    def would_do(self, names: Sequence[str]) -> str:
        """What compose would do to start these pieces, in its own words, without doing it.

        Without what they depend on: a dry run waits for ever for a job that never ran (seen with 2.40).
        """
        command = ["docker", "compose", "--dry-run", "up", "--detach", "--no-deps", *names]
        if (printed := _printed_within(_ASKED_S, command, self.place)) is None:
            what = f"{' '.join(command[:4])} did not end within {_ASKED_S:.0f} s"
            raise ConsoleError(what, then="docker info, then the same command", code=UNREACHABLE)
        return printed


def _printed_within(timeout_s: float, command: Sequence[str], place: Path) -> str | None:
    """What a program printed; None for one that did not end in time, and was ended with all that it had started."""
    with subprocess.Popen(  # noqa: S603  # our own arguments, no shell
        command, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            return process.communicate(timeout=timeout_s)[0]
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return None


def read_pieces(output: str) -> list[Piece]:
    """Containers as `docker compose ps --format json` prints them, one in a line, ordered by service and name."""
    return sorted(
        (_piece(json.loads(line)) for line in output.splitlines() if line.strip()), key=lambda piece: piece[:2]
    )


def image_ids(images: Iterable[str]) -> dict[str, str]:
    """The ids of those images that are here."""
    found = {}
    for image in sorted(set(images)):
        try:
            found[image] = run("docker", "image", "inspect", "--format", "{{.Id}}", image).strip()
        except ConsoleError as error:
            if error.code == UNREACHABLE:
                raise
    return found


def wanted(configuration: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Services that should run, or have run, by name: one with a scale of 0 is left to a server of yours."""
    return {name: piece for name, piece in configuration["services"].items() if piece.get("scale", 1) != 0}


def is_job(piece: Mapping[str, Any]) -> bool:
    """Whether it runs once and ends."""
    return piece.get("restart") == "no"


def run(*command: str, place: Path | None = None, timeout_s: float = _ASKED_S, put_in: str | None = None) -> str:
    """What a program reports; a refusal is its own last line."""
    try:
        done = subprocess.run(  # noqa: S603  # our own arguments, no shell
            command, cwd=place, capture_output=True, encoding="utf-8", errors="replace", check=False,
            timeout=timeout_s, input=put_in, env=os.environ,
        )  # fmt: skip
    except OSError as error:
        raise _absent(command[0], error) from None
    except subprocess.TimeoutExpired:
        raise ConsoleError(
            f"{' '.join(command[:4])} … does not answer in {timeout_s:.0f} s", code=UNREACHABLE
        ) from None
    if done.returncode:
        output = done.stderr.strip().splitlines()
        words = output[-1] if output else f"ended with {done.returncode}"
        away = _AWAY.search(done.stderr)
        raise ConsoleError(
            f"{' '.join(command[:3])}: {words}",
            then="lutong preflight" if away else "",
            code=UNREACHABLE if away else PROBLEM,
        )
    return done.stdout


def _absent(program: str, error: OSError) -> ConsoleError:
    return ConsoleError(
        f"{program} cannot be run here: {error.strerror}",
        then="install Docker Engine and compose (docs/deploy.md), then: lutong preflight",
        code=USAGE,
    )


def _piece(output: Mapping[str, Any]) -> Piece:
    labels = dict(label.split("=", 1) for label in str(output.get("Labels", "")).split(",") if "=" in label)
    return Piece(
        service=output["Service"],
        name=output["Name"],
        state=output["State"],
        health=output.get("Health") or "",
        exit_code=int(output.get("ExitCode") or 0),
        image=output.get("Image") or "",
        made_at=_moment(str(output.get("CreatedAt") or "")),
        image_id=labels.get(_IMAGE, ""),
    )


def _moment(text: str) -> datetime | None:
    """`2026-01-01 08:00:00 +0800 CST`: the last word is for people."""
    found = re.match(r"(\S+ \S+) ([+-]\d{4})", text)
    return datetime.strptime(f"{found[1][:19]} {found[2]}", "%Y-%m-%d %H:%M:%S %z") if found else None
