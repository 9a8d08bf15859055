"""Which stack a command was given, so that the next command it names is about the same one."""

import re
from typing import Final, NamedTuple

import typer

_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_GROUPS: Final = "acl|databases|parked|stores|topics"
_COMMAND: Final = re.compile(
    rf"\blutong (?:(?:{_GROUPS}) [a-z]+|upgrade plan|audit|backup|demo|doctor|down|import|journey|lag|logs|preflight|publish-entities"
    r"|probe|publishers|republish|restart|restore|resume|scale|status|tail|token|up|uplift|verify)\b(?! --(?:stack|target))"
)
COMPOSE: Final = "compose"
"""The name of the suite of `deploy/compose.yaml`, wherever the name of a local stack may stand."""
_CONFIGURE: Final = "docker compose exec kafka /opt/kafka/bin/kafka-configs.sh --bootstrap-server kafka:9092 --command-config /tmp/admin.properties"  # fmt: skip


class _Typed(NamedTuple):
    """A command, and how it is typed somewhere else."""

    command: re.Pattern[str]
    other: str


_PSQL: Final = "PGPASSWORD=$(cat /run/secrets/postgres_postgres) psql -h 127.0.0.1 -U postgres"
_OF_COMPOSE: Final = (
    _Typed(re.compile(r"\bkafka-configs\.sh(?= --alter)"), _CONFIGURE),
    _Typed(
        re.compile(r"\b(ALTER SYSTEM RESET \w+)"),
        f'docker compose exec postgres sh -c \'{_PSQL} -c "\\1" -c "SELECT pg_reload_conf()"\'',
    ),
)
"""Commands of Kafka and PostgreSQL, as they are typed where these run in containers of ours."""
_OF_AN_IMAGE: Final = (
    _Typed(re.compile(r"\blutong logs\b"), "docker compose logs"),
    _Typed(re.compile(r"\blutong restart\b"), "docker compose up --detach --wait --no-deps --force-recreate"),
    _Typed(re.compile(r"\blutong up\b"), "docker compose up --detach --wait"),
    _Typed(re.compile(r"\blutong status\b"), "docker compose ps --all"),
)
"""Commands that the image of the command line has not: what is typed beside the containers instead."""
_WAIT_MAX_S: Final = 86_400
_options: list[str] = []
_names: list[str] = []
_running: list[typer.Context] = []
_images: list[str] = []


def stack(context: typer.Context, name: str) -> str:
    """Check the name of a stack, which becomes that of a folder, and remember it when it was given as an option."""
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("a stack's name has 1 to 64 letters, digits and dashes")
    _running[:] = [context]
    _names[:] = [name]
    source = context.get_parameter_source("stack")
    _options[:] = ["--stack", name] if source is not None and source.name == "COMMANDLINE" else []
    return name


def be_in_an_image(name: str) -> None:
    """This installation has no local stack: it is the image of the command line."""
    _images[:] = [name]


def seconds(value: float | None) -> float | None:
    """Check a time to wait: a day at most, and a number."""
    if value is not None and not 0 <= value <= _WAIT_MAX_S:
        raise typer.BadParameter(f"a time to wait has 0 to {_WAIT_MAX_S} seconds")
    return value


def here(text: str) -> str:
    """Commands as they have to be typed for the stack that was given, where it runs: `lutong up --stack ops`."""
    if _images:
        return _replaced(text, (*_OF_AN_IMAGE, *_OF_COMPOSE))
    options = "".join(f" {option}" for option in _options)
    shown = _COMMAND.sub(lambda found: f"{found[0]}{options}", text)
    return _replaced(shown, _OF_COMPOSE) if COMPOSE in _names else shown


def _replaced(text: str, table: tuple[_Typed, ...]) -> str:
    for command, other in table:
        text = command.sub(other, text)
    return text


def option_of(field: str) -> str | None:
    """The option or argument of the running command that became a field of a request, if there is one."""
    for parameter in _running[0].command.params if _running else ():
        if parameter.name == field:
            long = [name for name in parameter.opts if name.startswith("--")]
            return long[0] if long else field.upper()
    return None
