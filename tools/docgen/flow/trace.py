"""What follows from a function: the rules it decides by, the statements it runs, and the events it makes."""

import ast
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, NamedTuple

from lutong_contracts import event_types
from tools.docgen.flow.code import Class, Code, Contract, Function, dotted, names

_SQL: Final = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|LOCK)\b")
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A function that the outside starts: by an event (`OrderFulfilled`) or by a command (`POST /v1/posts`)."""

    kind: Literal["event", "command"]
    name: str
    function: Function


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a reader gets from an entry.

    `rules` are the rules that the way to them calls first, `statements` the functions with SQL. `rule_hops` and
    `sql_hops` are, by file of rules and by file of SQL, the jumps from file to file on the shortest way from the
    entry; a file that only passes a name on costs a jump.
    """

    rules: tuple[Function, ...]
    rule_hops: Mapping[str, int]
    statements: tuple[Function, ...]
    sql_hops: Mapping[str, int]
    makes: frozenset[str]

    @property
    def hops(self) -> int:
        """Jumps from file to file to the farthest rule or statement: how deep a reader goes."""
        return max((*self.rule_hops.values(), *self.sql_hops.values()), default=0)

    @property
    def files(self) -> int:
        """Files of rules and files of SQL that the entry reaches: how much a reader opens to see all of it."""
        return len(self.rule_hops) + len(self.sql_hops)


class Place(NamedTuple):
    """A line of a function."""

    function: Function
    line: int


class Call(NamedTuple):
    """A function that another one mentions, and how many files only passed its name on."""

    function: Function
    passed: int


def entries(code: Code) -> Iterator[Entry]:
    """Handlers and commands of all services, recognised by their decorators wherever they are."""
    for function in code.functions():
        for decorator in function.node.decorator_list:
            if entry := _entry(code, function, decorator):
                yield entry


def _entry(code: Code, function: Function, decorator: ast.expr) -> Entry | None:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.args):
        return None
    verb, argument = decorator.func.attr, decorator.args[0]
    if verb == "on" and (name := dotted(argument)):
        meant, _ = code.meaning(function.module, name)
        return Entry("event", meant.name, function) if isinstance(meant, Contract) else None
    if verb in _METHODS and isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return Entry("command", f"{verb.upper()} {argument.value}", function)
    return None


def makes(code: Code) -> dict[str, list[Place]]:
    """By event, the functions that make one or name its type for another to make, and the line."""
    known = {event.__name__ for event in event_types().values()}
    found: dict[str, list[Place]] = {}
    for function in code.functions():
        for name, line in names(function.node):
            meant, _ = code.meaning(function.module, name)
            if isinstance(meant, Contract) and meant.name in known:
                places = found.setdefault(meant.name, [])
                if all(place.function != function for place in places):
                    places.append(Place(function, line))
    return found


def trace(code: Code, entry: Entry) -> Trace:
    """Walk everything that an entry reaches, nearest files first."""
    near: dict[Function, int] = {entry.function: 0}
    waiting = deque([entry.function])
    rules: list[Function] = []
    while waiting:
        caller = waiting.popleft()
        for called, passed in _called(code, caller):
            if called.is_rule and caller.is_store:
                continue  # what a store calculates for its rows is not what the entry decides by
            if called.is_rule and not caller.is_rule and called not in rules:
                rules.append(called)
            distance = near[caller] + (called.path != caller.path) + passed
            if distance < near.get(called, distance + 1):
                near[called] = distance
                waiting.append(called)
    statements = tuple(function for function in near if _has_sql(function) and not function.is_rule)
    return Trace(
        tuple(rules),
        _nearest(near, (function for function in near if function.is_rule)),
        statements,
        _nearest(near, statements),
        frozenset(_made(code, near)),
    )


def _nearest(near: Mapping[Function, int], functions: Iterable[Function]) -> dict[str, int]:
    """By file, the jumps to the nearest of these functions: once a file is open, the others in it are there to read."""
    hops: dict[str, int] = {}
    for function in functions:
        hops[function.path] = min(near[function], hops.get(function.path, near[function]))
    return hops


def _called(code: Code, caller: Function) -> Iterator[Call]:
    """Functions of the same service that a function mentions. A route mentions the command that it asks for.

    Who makes an object of a class that is part of a handler calls its methods.
    """
    handlers = _command_handlers(code)
    for name, _ in names(caller.node):
        handler = handlers.get((caller.service, name.rpartition(".")[2]))
        meant, passed = (handler, 0) if handler else code.meaning(caller.module, name)
        functions = meant.methods if isinstance(meant, Class) and meant.decides else (meant,)
        for function in functions:
            if isinstance(function, Function) and function.service == caller.service:
                yield Call(function, passed)


@cache
def _command_handlers(code: Code) -> dict[tuple[str, str], Function]:
    """The handlers of commands, by service and the name of the command's class."""
    return {
        (function.service, name.rpartition(".")[2]): function
        for function in code.functions()
        for decorator in function.node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.func.attr == "on"
        if decorator.args and (name := dotted(decorator.args[0]))
        if not isinstance(code.meaning(function.module, name)[0], Contract)
    }


def _made(code: Code, functions: dict[Function, int]) -> Iterator[str]:
    for function in functions:
        for name, _ in names(function.node):
            meant, _ = code.meaning(function.module, name)
            if isinstance(meant, Contract):
                yield meant.name


def _has_sql(function: Function) -> bool:
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value)
        for node in ast.walk(function.node)
    )
