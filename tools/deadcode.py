"""`python -m tools.deadcode`: functions, methods, classes, properties and imports that nothing uses. Exit code 1.

vulture compares names over the packages and their tests. For services that is not enough, since two functions may share a
name: there each name is resolved through its imports, and tests do not count as use.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vulture import Vulture

from lutong_console.cli.errors import PROBLEM
from lutong_console.cli.main import COMMANDS
from tools.docgen.documents import ROOT
from tools.docgen.flow.code import Code, Function, names_of_module, read

KINDS: Final = frozenset({"function", "method", "class", "property", "import", "unreachable_code"})
"""Fields of bodies, events and rows are read by others; so variables are not looked at."""

CALLED_BY_OTHERS: Final = {
    "__getattr__": "Python, for a name that a module does not have",
    "on_partitions_revoked": "aiokafka",
    "size_in_bytes": "aiokafka",
    "data_received": "asyncio",
    "on_partitions_assigned": "aiokafka",
    "auth_flow": "httpx",
    "on_start": "OpenTelemetry",
    "list_commands": "click",
    "ngettext": "Jinja's i18n extension",
    "get_command": "click",
    "Concatenate": "an annotation in quotes",
    "ConsumerRecord": "an annotation in quotes",
    "AsyncKafkaTransport": "users of lutong_client",
    "carry": "users of lutong_client.outbox",
    "awrite": "users of lutong_client.outbox",
    "acarry": "users of lutong_client.outbox",
}
"""Names that the frameworks call, or users of the client. This list is for neighbours only, never for code of later."""

DECORATORS: Final = ["@*.get", "@*.post", "@*.put", "@*.patch", "@*.delete", "@*.on", "@*.command", "@*.callback", "@*_validator", "@*_serializer", "@*.fixture", "@*.exception_handler"]  # fmt: skip
_OWN: Final = ("libs/", "services/", "deploy/", "tools/")
_FOLDERS: Final = (*_OWN, "tests/")


def unused(root: Path) -> Iterator[str]:
    """`libs/x.py:12: unused function 'y'`, by names alone."""
    known = {*CALLED_BY_OTHERS, *(place.rpartition(":")[2] for place in COMMANDS.values())}
    finder = Vulture(ignore_names=sorted(known), ignore_decorators=[*DECORATORS, *(f"{each}(*" for each in DECORATORS)])
    finder.scavenge([root / folder for folder in _FOLDERS])
    for item in finder.get_unused_code(min_confidence=60):
        path = Path(item.filename).resolve().relative_to(root).as_posix()
        if item.typ in KINDS and path.startswith(_OWN):
            yield f"{path}:{item.first_lineno}: {item.message}"


def uncalled(code: Code) -> Iterator[str]:
    """Functions at the top of a service's module that no other code of the service mentions, tests aside."""
    mentioned = {found for module in code.modules.values() for found in _mentioned(code, module.name)}
    for function in code.functions():
        is_method = "." in function.name
        if not is_method and function not in mentioned and not function.node.decorator_list:
            yield f"{function.path}:{function.node.lineno}: only tests use {function.name!r}, or nothing"


def _mentioned(code: Code, module: str) -> Iterator[Function]:
    for name, inside in names_of_module(code.modules[module]):
        meant, _ = code.meaning(module, name)
        if isinstance(meant, Function) and not (meant.module == module and meant.name == inside):
            yield meant


def main() -> int:
    """Print what is dead."""
    found = [*unused(ROOT), *uncalled(read(ROOT))]
    for line in found:
        sys.stdout.write(line + "\n")
    return PROBLEM if found else 0


if __name__ == "__main__":
    sys.exit(main())
