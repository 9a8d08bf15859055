"""A disk in a file, for tests that lose its power or fill it. Needs root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def run(*command: object) -> None:
    """Run a command of the system; it is an error when it fails."""
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def why_no_disks() -> str | None:
    """What this machine lacks, if it can have no disks in files."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        return "a disk in a file needs root, mkfs.ext4 and loop devices"
    return None


@dataclass(slots=True)
class Disk:
    """An ext4 disk in a file, with some folders on it: where each is to appear, by a name."""

    image: Path
    mounted: Path
    places: dict[str, Path]

    def make(self, size: str) -> None:
        """Make the disk, empty; `size` is 600M or 2G. All of it is for everybody."""
        run("truncate", "-s", size, self.image)
        run("mkfs.ext4", "-q", "-m", "0", self.image)

    def attach(self) -> None:
        """Mount it, and its folders where they are to appear."""
        self.mounted.mkdir()
        run("mount", "-o", "loop", self.image, self.mounted)
        for name, place in self.places.items():
            (self.mounted / name).mkdir(exist_ok=True)
            place.mkdir(parents=True, exist_ok=True)
            run("mount", "--bind", self.mounted / name, place)

    def detach(self) -> None:
        """Take it away, whatever has files open on it, and the places where its folders appeared."""
        for place in [*self.places.values(), self.mounted]:
            if os.path.ismount(place):
                run("umount", "--lazy", place)
                place.rmdir()

    def go_on_from_a_copy(self, meanwhile: Path) -> None:
        """Go on from what the disk has at this moment: what was written and not synced is gone. All who use it must be dead by then."""
        self.detach()
        self.image = meanwhile
        self.attach()

    def copy(self) -> Path:
        """What is on the disk at this moment. Nobody may write meanwhile."""
        number = int(self.image.suffix[1:]) + 1 if self.image.suffix[1:].isdigit() else 1
        survived = self.image.with_suffix(f".{number}")
        run("cp", "--sparse=always", self.image, survived)
        return survived


@contextmanager
def in_memory(place: Path, options: str) -> Iterator[Path]:
    """Have a disk in memory at a place, as long as the block lasts: `size=8m`, with an owner if need be. Needs root."""
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", options, "tmpfs", place)
    try:
        yield place
    finally:
        run("umount", "--lazy", place)


def fill(folder: Path) -> Path:
    """Use up a disk to its last block; gives the file that does, to be removed."""
    ballast, size, at = folder / "ballast", 1 << 28, 0
    with ballast.open("wb") as file:
        while size >= 1024:
            try:
                os.posix_fallocate(file.fileno(), at, size)
                at += size
            except OSError:
                size //= 2
    return ballast
