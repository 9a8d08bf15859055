"""lutong backup, lutong restore, lutong resume: the four databases of a suite at one moment, and back again.

Kafka is not in a backup: what it had is in the outboxes. So a restore begins with a Kafka without events, queues all that the
outboxes have, and leaves services quiet: nothing new is published before what was published is on its way again.
"""

import asyncio
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from lutong_console import backups, new_kafka, postgres_tools, restoring, sealing
from lutong_console.backups import Manifest
from lutong_console.cli import given
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out, table
from lutong_console.places import Place, place_of
from lutong_console.restoring import Databases
from lutong_console.targets import Json
from lutong_contracts.topics import SERVICES
from lutong_contracts.version import VERSION

Target = Annotated[
    str,
    typer.Option(
        "--target",
        "--stack",
        help="`compose`, or the name of a local stack.",
        envvar=["LUTONG_TARGET", "LUTONG_STACK"],
        callback=given.stack,
    ),
]
Key = Annotated[
    Path | None, typer.Option("--key", help="A file with 64 hexadecimal digits: the dumps are encrypted with them.")
]
_PIECE_BYTES: Final = 1 << 20
_VAULT_KEYS: Final = "vault_key"


def backup(  # noqa: PLR0913  # one parameter per option
    directory: Annotated[Path, typer.Argument(help="Where to; it must not exist yet, unless --keep is given.")],
    stack: Target = given.COMPOSE,
    *,
    key: Key = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the services meanwhile, and start them again.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Restore it beside the databases, and drop that again.")] = False,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="DIRECTORY has this many: make one in it, remove the oldest.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the databases of a suite to a directory. Services must be stopped, or the four would not agree.

    A job of each day: lutong backup /backups --keep 7 --test --stop --key FILE. Older backups go when the new one is whole.
    """
    secret = sealing.read_key(key) if key else None
    place = place_of(stack)
    to = backups.named(directory, datetime.now(UTC)) if keep else directory
    if stop:
        place.stop()
    try:
        manifest = _written(place, to, secret)
    finally:
        if stop:
            place.start()
    events = _tested(place, to, secret) if test else None
    removed = backups.in_folder(directory)[:-keep] if keep else []
    for old in removed:
        shutil.rmtree(old)
    sizes = {service: backups.dump(to, service).stat().st_size for service in SERVICES}
    if as_json:
        names = [str(path) for path in removed]
        made = {"directory": str(to), "made_at": manifest.made_at, "bytes": sizes, "tested_events": events}
        emit_json(made | {"removed": names})
        return
    out.print(table(["database", "bytes"], sizes.items()))
    echo(f"{to}{'' if events is None else f': restored beside the databases, {events} events in its outboxes'}")
    if removed:
        echo(f"removed: {', '.join(path.name for path in removed)}")
    if not stop:
        echo(given.here("next: lutong up"))


def _tested(place: Place, directory: Path, secret: bytes | None) -> int:
    """Restore a backup beside the databases that are there, which may be in use, and drop it; gives the events in its outboxes."""
    manifest = backups.read(directory)
    backups.refuse_other_key(manifest, sealing.fingerprint(secret) if secret else "")
    beside = replace(place.databases, suffix="_tested")
    try:
        urls = _filled(beside, directory, secret, "testing")
        if asyncio.run(restoring.migrations(urls)) != manifest.migrations:
            raise ConsoleError(f"{directory} has other migrations than its manifest", then="make another backup")
        return asyncio.run(restoring.be_quiet(urls, manifest.made_at))
    finally:
        asyncio.run(restoring.drop_beside(beside))


def _filled(databases: Databases, directory: Path, secret: bytes | None, doing: str) -> dict[str, str]:
    """Make databases beside those that are there, and fill them from a backup; gives their URLs, by service.

    The keys of members' addresses are in a file of their own, which may have been thrown away.
    """
    asyncio.run(restoring.make_beside(databases))
    urls = {service: databases.beside(service) for service in SERVICES}
    dumps = [(urls[service], backups.dump(directory, service)) for service in SERVICES]
    if (keys := backups.vault_keys(directory)).exists():
        dumps.append((urls["inventory"], keys))
    for url, path in dumps:
        echo(f"{doing} {path.stem}")
        with path.open("rb") as file:
            postgres_tools.restore(url, file, secret)
    return urls


def _written(place: Place, directory: Path, secret: bytes | None) -> Manifest:
    """Dump the databases; a backup that does not succeed leaves nothing that looks like one."""
    asyncio.run(restoring.nobody_works(place.asks, place.databases.stop))
    try:
        directory.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ConsoleError(f"{directory}: {error.strerror}", code=USAGE) from None
    try:
        migrations = asyncio.run(restoring.migrations(place.databases.owners))
        files = [backups.dump(directory, service) for service in SERVICES]
        for service, path in zip(SERVICES, files, strict=True):
            echo(f"dumping {service}")
            with path.open("wb") as file:
                postgres_tools.dump(
                    place.databases.owners[service], file, secret, f"--exclude-table-data={_VAULT_KEYS}"
                )
        if backups.has_vault(migrations):
            files.append(backups.vault_keys(directory))
            with files[-1].open("wb") as file:
                postgres_tools.dump(
                    place.databases.owners["inventory"], file, secret, "--data-only", f"--table={_VAULT_KEYS}"
                )
        # A transaction that began meanwhile may have changed what was not dumped yet.
        asyncio.run(restoring.nobody_works(place.asks, place.databases.stop))
        manifest = Manifest(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            sha256={path.name.removesuffix(".dump"): backups.sha256(path) for path in files},
            release=VERSION,
            migrations=migrations,
            key=sealing.fingerprint(secret) if secret else "",
        )
        backups.write(directory, manifest)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return manifest


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a restore was asked for."""

    directory: Path
    secret: bytes | None
    replace: bool
    new_kafka: bool
    stop: bool


class Restored(NamedTuple):
    """From which backup, if from one of ours; as of when; and how many events its outboxes have."""

    directory: Path | None
    made_at: str
    events: int


def restore(  # noqa: PLR0913  # one parameter per option
    directory: Annotated[Path | None, typer.Argument(help="What `lutong backup` wrote.")] = None,
    stack: Target = given.COMPOSE,
    *,
    overwrite: Annotated[bool, typer.Option("--replace", help="Throw away what the databases hold now.")] = False,
    renew_kafka: Annotated[
        bool, typer.Option("--new-kafka", help="Throw away what Kafka holds now; the outboxes have it.")
    ] = False,
    key: Key = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the services first.")] = False,
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="The databases are restored already, all at one moment, by PostgreSQL itself."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the databases of a suite what a backup has. Its services then start quiet, until `lutong resume`.

    Services must be stopped, and Kafka without events. Everything is looked at before anything is changed, and the databases are
    made beside those that are there: what fails changes nothing, and may be tried again. With --in-place nothing is copied: your
    server went back to a point in time, and what is left to do is a new Kafka, quiet services and the outboxes again.
    """
    place = place_of(stack)
    if (directory is None) != in_place:
        raise ConsoleError("give the DIRECTORY of a backup, or --in-place", then="lutong restore --help", code=USAGE)
    if directory is None:
        _restored_in_place(place, stop=stop, renew=renew_kafka, as_json=as_json)
        return
    wanted = _Wanted(directory, sealing.read_key(key) if key else None, overwrite, renew_kafka, stop)
    manifest = asyncio.run(_may_be_restored(place, wanted))
    urls = _filled(place.databases, directory, wanted.secret, "restoring")
    if backups.vault_keys(directory).exists():
        echo("the keys of the vault are back: repeat the erasures since then (lutong audit --action address.erase_all)")
    else:
        echo("the backup has no keys of the vault: addresses in it cannot be read any more")
    _renew_kafka(place, wanted=renew_kafka)
    events = asyncio.run(restoring.be_quiet(urls, manifest.made_at))
    asyncio.run(restoring.put_in_place(place.databases))
    _ended(
        Restored(directory, manifest.made_at, events),
        f"four databases are as they were at {manifest.made_at}",
        as_json=as_json,
    )


def _restored_in_place(place: Place, *, stop: bool, renew: bool, as_json: bool) -> None:
    """Have services start quiet on databases that PostgreSQL brought back to a point in time."""
    asyncio.run(_be_alone(place, stop=stop, renew=renew))
    _renew_kafka(place, wanted=renew)
    at = asyncio.run(restoring.last_written_at(place.databases.owners))
    events = asyncio.run(restoring.be_quiet(place.databases.owners, at))
    _ended(Restored(None, at, events), f"the youngest event in the outboxes is of {at or 'never'}", as_json=as_json)


def _renew_kafka(place: Place, *, wanted: bool) -> None:
    if wanted:
        echo("a new Kafka")
        place.renew_kafka()


def _ended(restored: Restored, so: str, *, as_json: bool) -> None:
    """Report what was restored, and what is left to do."""
    directory, made_at, events = restored
    if as_json:
        where = None if directory is None else str(directory)
        emit_json({"directory": where, "made_at": made_at, "restored": list(SERVICES), "events": events})
        return
    out.print(f"{so}; {events} events wait to be carried to Kafka again")
    echo(given.here("next: lutong up, look around, lutong resume --reason restored, lutong verify"))


async def _be_alone(place: Place, *, stop: bool, renew: bool) -> None:
    """Refuse a Kafka that was used and is to stay, before anything is stopped; then see that nobody works."""
    if not renew:
        await new_kafka.refuse_used(place.databases.kafka)
    if stop:
        place.stop()
    await restoring.nobody_works(place.databases.superuser, place.databases.stop)


async def _may_be_restored(place: Place, wanted: _Wanted) -> Manifest:
    """The manifest of a backup that may be restored here, as things are now. ConsoleError reports why not."""
    manifest = backups.read(wanted.directory)
    backups.refuse_other_key(manifest, sealing.fingerprint(wanted.secret) if wanted.secret else "")
    backups.refuse_other_release(manifest, await restoring.migrations(place.databases.owners))
    if not wanted.replace and (used := await restoring.in_use(place.databases.owners)):
        raise ConsoleError(f"the database {used} is in use", then="lutong restore --replace DIRECTORY")
    await _be_alone(place, stop=wanted.stop, renew=wanted.new_kafka)
    return manifest
