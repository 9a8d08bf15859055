"""What was chosen for a deployment in containers, remembered where compose itself looks: in `deploy/.env`.

So `make`, `lutong` and `docker compose` by hand see one deployment: the same files, profiles and project. Profiles that bring
variables along have a file of them (`ha.env`, `tracing.env`), which is written down with them and goes with them.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from lutong_console import env_file
from lutong_console.cli.errors import USAGE, ConsoleError

NONE: Final = "none"
"""The name that stands for no profile, and for no override."""
PROFILES: Final = ("observability", "tracing", "ha", "tools", "proxy")
_BRING_VARIABLES: Final = ("ha", "tracing")
SIZES: Final = ("small", "medium", "large")
"""Each has a file of variables in deploy/sizes, and all of them the same variables: one size replaces another."""
_HEADING: Final = "# ---- chosen by `lutong up`; read by docker compose, make and lutong alike"
_BROKERS: Final = "LUTONG_KAFKA_BROKERS"


def put(text: str, values: Mapping[str, str]) -> str:
    """A file of variables in which these have these values; where one is there it is replaced, and an empty one goes.

    >>> put("A=1", {"A": "3"}).splitlines()
    ['A=3']
    """
    kept, left = [], dict(values)
    for line in text.splitlines():
        name = line.partition("=")[0].strip()
        if name not in values:
            kept.append(line)
        elif value := left.pop(name, ""):
            kept.append(f"{name}={value}")
    added = [f"{name}={value}" for name, value in left.items() if value]
    if added and _HEADING not in kept:
        added.insert(0, _HEADING)
    return "".join(f"{line}\n" for line in [*kept, *added])


def names(given: str) -> list[str]:
    """What an option names: `ha,tools` is two, `none` is none."""
    return [] if given == NONE else [name for name in re.split(r"[,\s]+", given) if name]


class Choice(NamedTuple):
    """What was asked for; what is None stays as it was."""

    profile: str | None = None
    override: str | None = None
    size: str | None = None


def values(place: Path, there: Mapping[str, str], choice: Choice) -> dict[str, str]:
    """What to remember of a choice; `there` is what is remembered. Raises ConsoleError for what cannot be."""
    found: dict[str, str] = {}
    if choice.size is not None:
        found |= _size(place, choice.size)
    if choice.profile is not None:
        found |= _profiles(place, there, names(choice.profile))
    if choice.override is not None:
        found["COMPOSE_FILE"] = ":".join(_files(place, names(choice.override)))
    return found


def _size(place: Path, size: str) -> dict[str, str]:
    """The variables of a size; `none` takes them back."""
    if size not in (*SIZES, NONE):
        raise ConsoleError(f"there is no size {size!r}: there are {', '.join(SIZES)}, none", code=USAGE)
    named = SIZES[0] if size == NONE else size
    variables = env_file.variables((place / "sizes" / f"{named}.env").read_text(encoding="utf-8"), {})
    return dict.fromkeys(variables, "") if size == NONE else variables


def _profiles(place: Path, there: Mapping[str, str], chosen: Iterable[str]) -> dict[str, str]:
    wanted = list(chosen)
    if unknown := [name for name in wanted if name not in PROFILES]:
        raise ConsoleError(f"there is no profile {unknown[0]!r}: there are {', '.join(PROFILES)}, none", code=USAGE)
    if "ha" not in wanted and there.get(_BROKERS) == "3":
        raise ConsoleError(
            "this deployment has three brokers, and their number is chosen before the first start",
            then=f"lutong up --target compose --profile {','.join(['ha', *wanted])}",
            code=USAGE,
        )
    found: dict[str, str] = {}
    for name in _BRING_VARIABLES:
        brought = env_file.variables((place / f"{name}.env").read_text(encoding="utf-8"), {})
        if name in wanted:
            found |= brought
        else:  # a value of yours stays
            found |= {variable: "" for variable, value in brought.items() if there.get(variable) == value}
    return found | {"COMPOSE_PROFILES": ",".join(wanted)}


def _files(place: Path, overrides: list[str]) -> list[str]:
    """The files of a deployment, in order; none where compose finds them itself."""
    if not overrides:
        return []
    own = [name for name in ("compose.override.yaml", "compose.override.yml") if (place / name).exists()][:1]
    files = ["compose.yaml", *own, *(f"compose.{name}.yaml" for name in overrides)]
    for name in files:
        if not (place / name).exists():
            raise ConsoleError(f"there is no {place / name}", code=USAGE)
    return files


def remember(place: Path, found: Mapping[str, str]) -> None:
    """Write a choice down, if there is any; the file is replaced as a whole, or not at all."""
    for name, value in found.items():
        if os.environ.get(name, value) != value:
            raise ConsoleError(
                f"{name} is set in this shell, and wins over what is remembered", then=f"unset {name}", code=USAGE
            )
    file = place / ".env"
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    after = put(before, found)
    if after != before:
        scratch = place / ".env.new"
        scratch.write_text(after, encoding="utf-8")
        scratch.replace(file)
