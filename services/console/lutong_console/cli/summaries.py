"""What a command is for, read from its source: `lutong --help` imports no command, and what these need takes seconds."""

import ast
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def help_of(place: str) -> str:
    """The help text of `cli.commands.stack:up`: a function's docstring, or the `help` of a group of commands."""
    module, _, name = place.partition(":")
    source = (_PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return ast.get_docstring(node) or ""
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.targets[0]) == name:
            return next(str(ast.literal_eval(each.value)) for each in node.value.keywords if each.arg == "help")
    raise LookupError(place)
