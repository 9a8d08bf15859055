"""The code of the services as syntax trees: modules, what their names mean, and functions.

Names are resolved through imports and re-exports, so a function may move to another file and is still found.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

Node: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

CONTRACTS: Final = "lutong_contracts"


@dataclass(frozen=True, slots=True)
class Function:
    """A function at the top of a module, or a method, named with its class: `Desk.decide`."""

    module: str
    name: str
    path: str
    node: Node = field(compare=False, repr=False)

    @property
    def service(self) -> str:
        """The service whose code it is: `feed`."""
        return self.module.partition(".")[0].removeprefix("lutong_")

    @property
    def is_rule(self) -> bool:
        """Whether it is in a room of rules: `domain.py`, or a folder `domain` at any depth."""
        return "domain" in self.module.split(".")

    @property
    def is_store(self) -> bool:
        """Whether it is in a room of SQL: `store.py`, or a folder `store` at any depth."""
        return "store" in self.module.split(".")


@dataclass(frozen=True, slots=True)
class Contract:
    """A name of the contracts: often, but not always, an event."""

    name: str


@dataclass(frozen=True, slots=True)
class Class:
    """A class at the top of a module, with its methods: who makes an object of it means to call them."""

    module: str
    methods: tuple[Function, ...]

    @property
    def decides(self) -> bool:
        """Whether it is part of a handler. A value of the rules, or a row of the store, only calculates."""
        return not {"domain", "store"} & set(self.module.split("."))


class Import(NamedTuple):
    """An import: the name in this file, the module, and the name there, or None for the module itself."""

    name: str
    module: str
    original: str | None = None


class Mention(NamedTuple):
    """A dotted name in the body of a function, and its line."""

    name: str
    line: int


class Use(NamedTuple):
    """A dotted name in a module, and the function at the top that it is in, or nothing."""

    name: str
    inside: str


@dataclass(slots=True, eq=False)
class Module:
    """A file: its dotted name, its path from the root of the checkout, and its syntax tree."""

    name: str
    path: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether it is an `__init__.py`."""
        return self.path.endswith("/__init__.py")

    def functions(self) -> Iterator[Function]:
        """Functions at the top and methods of classes there, in the order of the file."""
        for node in self.tree.body:
            if isinstance(node, Node):
                yield Function(self.name, node.name, self.path, node)
            elif isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, Node):
                        yield Function(self.name, f"{node.name}.{inner.name}", self.path, inner)

    def imports(self) -> Iterator[Import]:
        """Imports anywhere in the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    yield Import(alias.asname, alias.name) if alias.asname else Import(top, top)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    yield Import(alias.asname or alias.name, node.module, alias.name)


Meaning: TypeAlias = Function | Class | Contract | Module
"""What a name in the code stands for, as far as flow.md cares."""


@dataclass(slots=True, eq=False)
class Code:
    """All modules of the services, by dotted name."""

    modules: Mapping[str, Module]
    _defined: dict[str, dict[str, Function]] = field(default_factory=dict)
    _classes: dict[str, dict[str, Class]] = field(default_factory=dict)
    _imported: dict[str, dict[str, Import]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, module in self.modules.items():
            self._defined[name] = {function.name: function for function in module.functions()}
            self._classes[name] = {
                node.name: Class(name, tuple(f for f in module.functions() if f.name.startswith(f"{node.name}.")))
                for node in module.tree.body
                if isinstance(node, ast.ClassDef)
            }
            self._imported[name] = {each.name: each for each in module.imports()}

    def functions(self) -> Iterator[Function]:
        """Every function of every service."""
        for defined in self._defined.values():
            yield from defined.values()

    def meaning(self, module: str, dotted: str) -> tuple[Meaning | None, int]:
        """What a name in a module stands for, and how many files were only passed through on the way there."""
        first, _, rest = dotted.partition(".")
        if dotted in self._defined.get(module, ()):
            return self._defined[module][dotted], 0
        if dotted in self._classes.get(module, ()):
            return self._classes[module][dotted], 0
        if first not in self._imported.get(module, ()):
            return self._submodule(module, first, rest)
        _, there, what = self._imported[module][first]
        if there.partition(".")[0] == CONTRACTS:
            name = rest.rpartition(".")[2] or what or ""
            return Contract(name), 0
        return self._of_import(there, what, rest)

    def _submodule(self, module: str, first: str, rest: str) -> tuple[Meaning | None, int]:
        if self.modules[module].is_package and (name := f"{module}.{first}") in self.modules:
            return self._in(name, rest)
        return None, 0

    def _of_import(self, there: str, what: str | None, rest: str) -> tuple[Meaning | None, int]:
        if what is None:
            while rest and f"{there}.{rest.partition('.')[0]}" in self.modules:
                first, _, rest = rest.partition(".")
                there = f"{there}.{first}"
            return self._in(there, rest)
        if f"{there}.{what}" in self.modules:
            return self._in(f"{there}.{what}", rest)
        return self._in(there, f"{what}.{rest}" if rest else what)

    def _in(self, module: str, rest: str) -> tuple[Meaning | None, int]:
        """A name in another module; an imported one was only passed on by it, which costs the reader a file."""
        if module not in self.modules:
            return None, 0
        if not rest:
            return self.modules[module], 0
        found, passed = self.meaning(module, rest)
        defined_there = isinstance(found, Function | Class) and found.module == module
        return found, passed + (0 if defined_there or isinstance(found, Contract) else 1)


def read(root: Path) -> Code:
    """The code of all services of a checkout."""
    modules = {}
    for path in sorted(root.glob("services/*/lutong_*/**/*.py")):
        parts = path.relative_to(root).with_suffix("").parts[2:]
        if parts[0] == "lutong_console":
            continue
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules[name] = Module(name, path.relative_to(root).as_posix(), tree)
    return Code(modules)


def names(node: Node) -> Iterator[Mention]:
    """Dotted names that the body of a function mentions, and their lines; not its own variables, not annotations."""
    arguments = node.args
    local = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    local |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    for statement in node.body:
        yield from (each for each in _mentioned(statement) if each.name.partition(".")[0] not in local)


def _mentioned(node: ast.AST) -> Iterator[Mention]:
    if isinstance(node, ast.AnnAssign):
        if node.value:
            yield from _mentioned(node.value)
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        yield from _mentioned(node.args[0])
        return
    if isinstance(node, ast.Name | ast.Attribute) and (name := dotted(node)):
        yield Mention(name, node.lineno)
        return
    for child in ast.iter_child_nodes(node):
        yield from _mentioned(child)


def dotted(node: ast.expr) -> str | None:
    """`a.b.c`, when an expression is only that."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return None


def names_of_module(module: Module) -> Iterator[Use]:
    """Every dotted name in a module, annotations too."""
    for statement in module.tree.body:
        inside = statement.name if isinstance(statement, Node) else ""
        for node in ast.walk(statement):
            if isinstance(node, ast.Name | ast.Attribute) and (name := dotted(node)):
                yield Use(name, inside)
