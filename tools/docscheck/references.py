"""What is named and what is wrong with it: one rule for each kind of name."""

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.docscheck.checkout import Checkout
from tools.docscheck.markdown import Mention

_OPEN: Final = re.compile(r"[<>…{}$]|\bNAME\b")
"""What only stands for a name."""
_FILE: Final = re.compile(r"^[\w./*-]+\.(?:py|md|sql|ya?ml|toml|json|lock|svg|html|sh|csv|properties|typed)(?::\d+)?$")
_FOLDER: Final = re.compile(r"^[\w.-]+(?:/[\w.-]+)*/?$")
_NAME: Final = re.compile(r"^@?([A-Za-z_][\w.]*)(\([^()]*\))?$")
_HUMP: Final = re.compile(r"[a-z][A-Z]|^[A-Z][a-z]+[A-Z]|_")
_SETTING: Final = re.compile(r"\bLUTONG_(?:[A-Z0-9_]*[A-Z0-9])?(?![A-Z0-9]|_?<|_?\*)")
_ROUTE: Final = re.compile(r"(?:GET|POST|PUT|DELETE|PATCH) (/v1/\S+)")
_MAKE: Final = re.compile(r"(?:^|&& |\| )make ([a-z][a-z0-9-]*)((?: [A-Z]+=\S+)*)")
_LUTONG: Final = re.compile(r"(?:^|&& |\| |exec console |/)lutong ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?(.*)")


def wrong(mention: Mention, page: Path, checkout: Checkout) -> Iterator[str]:
    """Sentences about what does not exist."""
    if mention.kind == "link":
        yield from _link(mention.text, page)
        return
    if mention.kind == "text":
        yield from _settings(mention.text, checkout)
        return
    for rule in (_file, _make, _command, _route, _code, _settings):
        yield from rule(mention.text, checkout)


def _link(target: str, page: Path) -> Iterator[str]:
    if re.match(r"[a-z]+:", target):
        return
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.exists():
        yield f"the link {target} leads nowhere"
    elif line := re.fullmatch(r"L(\d+)", anchor):
        if int(line[1]) > len(path.read_text(encoding="utf-8").splitlines()):
            yield f"the link {target} points behind the end of the file"
    elif anchor and path.suffix == ".md" and anchor not in _headings(path):
        yield f"the link {target} names no heading of the page"
    elif anchor and path.suffix == ".py" and not _defines(path, anchor):
        yield f"the link {target} names nothing that is defined there"


def _headings(path: Path) -> set[str]:
    found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


def _defines(path: Path, name: str) -> bool:
    """Links into the code name what they show, so that they survive edits above it: `handlers.py#discover_services`."""
    pattern = rf"^\s*(?:async def|def|class) {re.escape(name)}\b|^{re.escape(name)}\b.* ="
    return re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _file(text: str, checkout: Checkout) -> Iterator[str]:
    made_here = any(fnmatch.fnmatch(text.rstrip("/"), pattern) for pattern in checkout.made_here)
    if _OPEN.search(text) or text.startswith(("/", "~")) or made_here:
        return
    if _FILE.match(text):
        name = text.partition(":")[0].removeprefix("../").removeprefix("./")
        if not any(fnmatch.fnmatch(f"/{known}", f"*/{name}") for known in checkout.files):
            yield f"there is no file {name}"
    elif "/" in text and _FOLDER.match(text) and text.partition("/")[0] in _tops(checkout):
        name = text.rstrip("/")
        if name not in checkout.files and not any(known.startswith(f"{name}/") for known in checkout.files):
            yield f"there is no {name}"


def _tops(checkout: Checkout) -> set[str]:
    return {known.partition("/")[0] for known in checkout.files if "/" in known}


def _make(text: str, checkout: Checkout) -> Iterator[str]:
    for target, variables in _MAKE.findall(text):
        if target not in checkout.targets:
            yield f"there is no make target {target}"
        for variable in re.findall(r" ([A-Z]+)=", variables):
            if variable not in checkout.make_variables | {"PYTHON"}:
                yield f"make knows no variable {variable}"


def _command(text: str, checkout: Checkout) -> Iterator[str]:
    for first, second, rest in _LUTONG.findall(text):
        name = f"{first} {second}" if f"{first} {second}" in checkout.commands else first
        if name not in checkout.commands:
            if first != "migrate":  # of the image of a service
                yield f"there is no command lutong {name}"
            continue
        group = any(known.startswith(f"{name} ") for known in checkout.commands)
        if group and second:
            yield f"there is no command lutong {first} {second}"
        for option in re.findall(r"(?<=\s)(--[a-z-]+)", rest.partition("&&")[0].partition("|")[0]):
            if not group and option not in checkout.commands[name]:
                yield f"lutong {name} has no option {option}"


def _route(text: str, checkout: Checkout) -> Iterator[str]:
    for path in _ROUTE.findall(text):
        wanted = re.sub(r"\{[^}]*\}|<[^>]*>", "{}", path.partition("?")[0])
        if "…" not in wanted and wanted not in checkout.routes | {"/v1/events"}:
            yield f"there is no route {path}"


def _code(text: str, checkout: Checkout) -> Iterator[str]:
    found = _NAME.match(text)
    if not found or _FILE.match(text) or _OPEN.search(text):
        return
    for part in found[1].split("."):
        known = part in checkout.words or part.upper() in checkout.settings or part.startswith("LUTONG_")
        if (_HUMP.search(part) or found[2]) and not known:
            yield f"no source file contains the name {part}"


def _settings(text: str, checkout: Checkout) -> Iterator[str]:
    for name in _SETTING.findall(text):
        if name not in checkout.settings and name != "LUTONG_":
            yield f"there is no setting {name}"
