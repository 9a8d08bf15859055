"""What a backup records of itself, and why it is refused: decided before anything is changed.

A backup is a directory: a dump of each database, the keys of the vault in a file of their own, and `manifest.json` with when it was made, by which release, which migrations the
databases had, the checksum of each dump, and, of an encrypted one, the fingerprint of its key.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.findings import Finding
from lutong_contracts.topics import SERVICES

MANIFEST: Final = "manifest.json"
_QUIET: Final = "chassis 0011"
"""The migration without which a database cannot start quiet."""

_VAULT: Final = "inventory 0016"
_NAME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
_DAILY: Final = timedelta(hours=26)

Applied = Mapping[str, str]
"""Checksums by migration: `chassis 0001`."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands in `manifest.json`. Backups of releases before 0.2 have neither a release nor migrations."""

    made_at: str
    sha256: Mapping[str, str]
    release: str = ""
    migrations: Mapping[str, Applied] = field(default_factory=dict)
    key: str = ""
    """The fingerprint of the key that it is encrypted with; empty when it is not."""


def dump(directory: Path, service: str) -> Path:
    """Where the dump of a database is."""
    return directory / f"{service}.dump"


def vault_keys(directory: Path) -> Path:
    """Where the keys of members' addresses are: alone, so that they can be thrown away before the rest."""
    return directory / "inventory.vault-keys.dump"


def named(directory: Path, at: datetime) -> Path:
    """The backup of this moment in a folder of backups; names sort by time."""
    return directory / f"{at:%Y-%m-%dT%H%M%SZ}"


def in_folder(directory: Path) -> list[Path]:
    """The whole backups of a folder, oldest first. What has no manifest, or another name, is none of them."""
    return sorted(path.parent for path in directory.glob(f"*/{MANIFEST}") if _NAME.fullmatch(path.parent.name))


def judge_age(directory: Path, now: datetime) -> Finding | None:
    """What is wrong with the last backup of a folder: there is none, or it is older than a day and what a backup takes."""
    then = f"lutong backup {directory} --keep 7 --test --stop, in a job of each day"
    made = in_folder(directory)
    if not made:
        return Finding(f"LUTONG_BACKUPS is {directory}, and no whole backup is there", then)
    at = datetime.strptime(made[-1].name, "%Y-%m-%dT%H%M%S%z")
    if now - at <= _DAILY:
        return None
    return Finding(f"the last backup in {directory} was made at {at:%Y-%m-%d %H:%M}Z", then)


def sha256(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(directory: Path, manifest: Manifest) -> None:
    """Write the manifest: the last file of a backup, so that one without it is no whole one."""
    (directory / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")


def read(directory: Path) -> Manifest:
    """The manifest of a backup whose dumps are what they were. Raises ConsoleError that reports which one is not."""
    try:
        output: dict[str, Any] = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        known = {name: output[name] for name in ("release", "migrations", "key") if name in output}
        manifest = Manifest(str(output["made_at"]), dict(output["sha256"]), **known)
        files = [dump(directory, name) for name in SERVICES]
        files += [keys] if (keys := vault_keys(directory)).exists() else []
        changed = [file for file in files if sha256(file) != manifest.sha256[file.name.removesuffix(".dump")]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConsoleError(f"{directory} is no whole backup: {error}", code=USAGE) from None
    if changed:
        what = f"{changed[0]} is not what was backed up: its checksum differs"
        raise ConsoleError(what, then="take another copy of the backup; this one was cut short or changed")
    return manifest


def refuse_other_key(manifest: Manifest, key: str) -> None:
    """`key` is the fingerprint of the key that was given; empty without one."""
    if manifest.key and not key:
        raise ConsoleError("the backup is encrypted", then="lutong restore --key FILE DIRECTORY", code=USAGE)
    if manifest.key != key:
        what = f"the backup is encrypted with another key: {manifest.key}, and this one is {key}"
        raise ConsoleError(what if manifest.key else "the backup is not encrypted: leave --key out", code=USAGE)


def refuse_other_release(manifest: Manifest, there: Mapping[str, Applied]) -> None:
    """A backup of a release that this one does not understand. `there` are the migrations that this deployment has applied.

    An older backup will do: migrations bring it up to date when the services start.
    """
    for service, made in sorted(manifest.migrations.items()):
        applied = there.get(service, {})
        unknown = sorted(name for name, checksum in made.items() if applied and applied.get(name) != checksum)
        if unknown:
            what = f"the backup is of release {manifest.release}, whose {service} has migration {unknown[0]}; this deployment has not"
            raise ConsoleError(what, then=f"deploy release {manifest.release}, restore it there, then upgrade", code=PROBLEM)  # fmt: skip
    old = sorted(service for service in SERVICES if _QUIET not in manifest.migrations.get(service, {}))
    if old:
        what = f"the backup of {manifest.made_at} is of a release whose services cannot start quiet ({old[0]} lacks {_QUIET})"
        raise ConsoleError(what, then="restore it with the release that made it, then upgrade", code=PROBLEM)


def has_vault(migrations: Mapping[str, Applied]) -> bool:
    """Whether the databases that have these migrations keep addresses."""
    return _VAULT in migrations.get("inventory", {})
