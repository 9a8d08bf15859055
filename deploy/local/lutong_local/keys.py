"""The keys of a stack, for its owner only: what signs tokens, and what inventory seals addresses with."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from lutong_chassis import tokens

_VAULT_KEY: Final = "vault-key"


def make(folder: Path) -> None:
    """Make the keys of a stack in a folder of its own. Those that are there stay."""
    if not folder.exists():
        tokens.make_keys(folder)
    with suppress(FileExistsError):
        handle = os.open(folder / _VAULT_KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))


def environment(folder: Path, service: str) -> dict[str, str]:
    """The variables by which a service accepts the tokens of its stack and, where it keeps addresses, can read them."""
    accepted = {
        "LUTONG_AUTH": "required",
        "LUTONG_AUTH_KEYS_FILE": str(folder / "jwks.json"),
        "LUTONG_AUTH_ISSUER": tokens.ISSUER,
        "LUTONG_AUTH_AUDIENCE": tokens.AUDIENCE,
    }
    return accepted | (_vault(folder) if service == "inventory" else {})


def _vault(folder: Path) -> dict[str, str]:
    """Nothing for a stack that the release before made: it has no such key until `lutong up`."""
    key = folder / _VAULT_KEY
    return {"LUTONG_VAULT_KEY": key.read_text(encoding="ascii")} if key.exists() else {}
