"""`python -m tools.move OLD NEW`: move a Python file or folder, and rewrite what names it, as one commit's worth.

Dotted names, paths and `from package import module` are rewritten in every tracked text but the changelog; imports are sorted
again. Names inside of the module stay: rename those with an editor.
"""

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

from lutong_console.cli.errors import USAGE
from tools.docgen.documents import ROOT
from tools.docscheck.checkout import tracked

_TEXT = frozenset({".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".cfg", ""})


def rewritten(text: str, old: PurePosixPath, new: PurePosixPath) -> str:
    """A text with each mention of the old place replaced."""
    was, becomes = _dotted(old), _dotted(new)
    text = re.sub(rf"(?<![\w/]){re.escape(str(old))}(?![\w-])", str(new), text)
    text = re.sub(rf"(?<![\w.]){re.escape(was)}(?!\w)", becomes, text)
    package, _, name = was.rpartition(".")
    new_package, _, new_name = becomes.rpartition(".")
    renamed = new_name if name == new_name else f"{new_name} as {name}"
    alone = rf"^(\s*)from {re.escape(package)} import {name}$"
    return re.sub(alone, rf"\1from {new_package} import {renamed}", text, flags=re.MULTILINE)


def _dotted(path: PurePosixPath) -> str:
    return ".".join(path.with_suffix("").parts)


def main(old: PurePosixPath, new: PurePosixPath) -> int:
    """Exit code 2 when there is nothing to move, or something is there already."""
    if not (ROOT / old).exists() or (ROOT / new).exists():
        sys.stderr.write(f"{old} must exist, and {new} must not\n")
        return USAGE
    package = (ROOT / new).parent
    package.mkdir(parents=True, exist_ok=True)
    if new.suffix == ".py":
        (package / "__init__.py").touch()
    _run("git", "-C", str(ROOT), "mv", str(old), str(new))
    for name in tracked(ROOT):
        path = ROOT / name
        if path.suffix in _TEXT and name != "CHANGELOG.md":
            text = path.read_text(encoding="utf-8")
            if (changed := rewritten(text, old, new)) != text:
                path.write_text(changed, encoding="utf-8")
    ruff = str(Path(sys.executable).with_name("ruff"))
    _run(ruff, "check", "--quiet", "--select", "I", "--fix", str(ROOT))
    _run(ruff, "format", "--quiet", str(ROOT))
    return 0


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603  # our own arguments


if __name__ == "__main__":
    sys.exit(main(PurePosixPath(sys.argv[1]), PurePosixPath(sys.argv[2])))
