"""lutong backup, lutong restore, lutong resume: the four databases of a suite at one moment, and back again.

Kafka is not in a backup: what it had is in the outboxes. So a restore begins with a Kafka without events, queues all that the
outboxes have, and leaves services quiet: nothing new is published before what was published is on its way again.
"""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from lutong_console import backups, new_kafka, postgres_tools, restoring, sealing
from lutong_console.backups import Manifest
from lutong_console.cli import given
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out, table
from lutong_console.places import Place, place_of
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


def backup(
    directory: Annotated[Path, typer.Argument(help="Where to; it must not exist yet.")],
    stack: Target = given.COMPOSE,
    *,
    key: Key = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the services meanwhile, and start them again.")] = False,
    as_json: Json = False,
) -> None:
    """Write the databases of a suite to a directory. Services must be stopped, or the four would not agree."""
    secret = sealing.read_key(key) if key else None
    place = place_of(stack)
    if stop:
        place.stop()
    try:
        manifest = _written(place, directory, secret)
    finally:
        if stop:
            place.start()
    sizes = {service: backups.dump(directory, service).stat().st_size for service in SERVICES}
    if as_json:
        emit_json({"directory": str(directory), "made_at": manifest.made_at, "bytes": sizes})
        return
    out.print(table(["database", "bytes"], sizes.items()))
    if not stop:
        echo(given.here("next: lutong up"))


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


def restore(  # noqa: PLR0913  # one parameter per option
    directory: Annotated[Path, typer.Argument(help="What `lutong backup` wrote.")],
    stack: Target = given.COMPOSE,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Throw away what the databases hold now.")] = False,
    renew_kafka: Annotated[
        bool, typer.Option("--new-kafka", help="Throw away what Kafka holds now; the outboxes have it.")
    ] = False,
    key: Key = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the services first.")] = False,
    as_json: Json = False,
) -> None:
    """Make the databases of a suite what a backup has. Its services then start quiet, until `lutong resume`.

    Services must be stopped, and Kafka without events. Everything is looked at before anything is changed, and the databases are
    made beside those that are there: what fails changes nothing, and may be tried again.
    """
    wanted = _Wanted(directory, sealing.read_key(key) if key else None, replace, renew_kafka, stop)
    place = place_of(stack)
    manifest = asyncio.run(_may_be_restored(place, wanted))
    asyncio.run(restoring.make_beside(place.databases))
    for service in SERVICES:
        echo(f"restoring {service}")
        with backups.dump(directory, service).open("rb") as file:
            postgres_tools.restore(place.databases.beside(service), file, wanted.secret)
    _restore_vault_keys(place, wanted)
    if renew_kafka:
        echo("a new Kafka")
        place.renew_kafka()
    events = asyncio.run(restoring.be_quiet(place.databases, manifest.made_at))
    asyncio.run(restoring.put_in_place(place.databases))
    if as_json:
        emit_json(
            {"directory": str(directory), "made_at": manifest.made_at, "restored": list(SERVICES), "events": events}
        )
        return
    out.print(
        f"four databases are as they were at {manifest.made_at}; {events} events wait to be carried to Kafka again"
    )
    echo(given.here("next: lutong up, look around, lutong resume --reason restored, lutong verify"))


async def _may_be_restored(place: Place, wanted: _Wanted) -> Manifest:
    """The manifest of a backup that may be restored here, as things are now. ConsoleError reports why not."""
    manifest = backups.read(wanted.directory)
    backups.refuse_other_key(manifest, sealing.fingerprint(wanted.secret) if wanted.secret else "")
    backups.refuse_other_release(manifest, await restoring.migrations(place.databases.owners))
    if not wanted.replace and (used := await restoring.in_use(place.databases.owners)):
        raise ConsoleError(f"the database {used} is in use", then="lutong restore --replace DIRECTORY")
    if not wanted.new_kafka:
        await new_kafka.refuse_used(place.databases.kafka)
    if wanted.stop:
        place.stop()
    await restoring.nobody_works(place.databases.superuser, place.databases.stop)
    return manifest


def _restore_vault_keys(place: Place, wanted: _Wanted) -> None:
    """The keys of members' addresses, if the backup still has them: they are in a file that may be thrown away."""
    path = backups.vault_keys(wanted.directory)
    if not path.exists():
        echo("the backup has no keys of the vault: addresses in it cannot be read any more")
        return
    echo("restoring the keys of the vault: repeat the erasures since then (lutong audit --action address.erase_all)")
    with path.open("rb") as file:
        postgres_tools.restore(place.databases.beside("inventory"), file, wanted.secret)
