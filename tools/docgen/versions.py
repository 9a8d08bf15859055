"""The version, where files cannot ask Python for it: compose, the Dockerfile and the example of `.env`."""

import re
from pathlib import Path
from typing import Final

_STATED: Final = re.compile(r"(?<=LUTONG_VERSION:-)[^}]+|(?<=ARG VERSION=)\S+|(?<=#LUTONG_VERSION=)\S+")


def places(root: Path) -> list[Path]:
    """The files that state the version."""
    return [root / "deploy" / name for name in ("compose.yaml", "Dockerfile", ".env.example")]


def stated(path: Path, version: str) -> bytes:
    """A file as it is, with this version at each of its places."""
    return _STATED.sub(version, path.read_text(encoding="utf-8")).encode()
