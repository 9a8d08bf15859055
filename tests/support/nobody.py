"""Servers that refuse to be root run as `nobody`, who must then reach what they read."""

import os
import shutil
from pathlib import Path


def give_to_nobody(directory: Path) -> None:
    """Give a folder and what is in it to nobody, and have the way there open; nothing to do for who is not root."""
    if os.geteuid() != 0:
        return
    for path in [directory, *directory.iterdir()]:
        shutil.chown(path, "nobody")
    for path in directory.parents:
        if path.stat().st_uid == 0 and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
