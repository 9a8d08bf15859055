"""Which stack a command was given, so that the next command it names is about the same one."""

import re
from typing import Final

import typer

_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_GROUPS: Final = "acl|databases|parked|topics"
_COMMAND: Final = re.compile(
    rf"\blutong (?:(?:{_GROUPS}) [a-z]+|audit|backup|demo|doctor|down|import|journey|logs|publish-entities|publishers|republish|restart|status|tail|token|up|uplift|verify)"
    r"(?! --stack)\b"
)
_WAIT_MAX_S: Final = 86_400
_options: list[str] = []
_running: list[typer.Context] = []


def stack(context: typer.Context, name: str) -> str:
    """Check the name of a stack, which becomes that of a folder, and remember it when it was given as an option."""
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("a stack's name has 1 to 64 letters, digits and dashes")
    _running[:] = [context]
    source = context.get_parameter_source("stack")
    _options[:] = ["--stack", name] if source is not None and source.name == "COMMANDLINE" else []
    return name


def seconds(value: float | None) -> float | None:
    """Check a time to wait: a day at most, and a number."""
    if value is not None and not 0 <= value <= _WAIT_MAX_S:
        raise typer.BadParameter(f"a time to wait has 0 to {_WAIT_MAX_S} seconds")
    return value


def here(text: str) -> str:
    """Commands as they have to be typed for the stack that was given: `lutong up --stack ops`."""
    options = "".join(f" {option}" for option in _options)
    return _COMMAND.sub(lambda found: f"{found[0]}{options}", text)


def option_of(field: str) -> str | None:
    """The option or argument of the running command that became a field of a request, if there is one."""
    for parameter in _running[0].command.params if _running else ():
        if parameter.name == field:
            long = [name for name in parameter.opts if name.startswith("--")]
            return long[0] if long else field.upper()
    return None
