"""A CycloneDX bill of materials for each image: what its lock installs, what is ours, and the image that it is built upon.

    make sbom                         dist/sbom/lutong-feed.cdx.json, …

It is read from the files that the image is built from; its serial number follows from them.
Files of a package are listed by their hashes, as pip checks them; a base image of another digest is your `docker build --pull`.
"""

import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from lutong_contracts.topics import SERVICES
from lutong_contracts.version import VERSION

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = (*SERVICES, "console")
_PINNED: Final = re.compile(
    r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)((?:[^\n]*\\\n\s+--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE
)
_OURS: Final = ("contracts", "chassis")


class Pinned(NamedTuple):
    """A package of a lock, with the SHA-256 of each file that pip may take for it."""

    name: str
    version: str
    sha256: tuple[str, ...]


def pinned(lock: str) -> Iterator[Pinned]:
    """The packages of a lock."""
    for found in _PINNED.finditer(lock):
        yield Pinned(found[1], found[2], tuple(re.findall(r"sha256:([0-9a-f]{64})", found[3])))


def base_image(dockerfile: str) -> Component:
    """The image that all of ours are built upon."""
    (python,) = re.findall(r"^ARG PYTHON=(\S+)", dockerfile, re.MULTILINE)
    return Component(
        name="python",
        version=f"{python}-slim",
        type=ComponentType.CONTAINER,
        bom_ref="base",
        purl=PackageURL("oci", name="python"),
    )


def bill(image: str, lock: str, dockerfile: str) -> Bom:
    """The bill of one image: `bill("feed", text_of_service_lock, text_of_dockerfile)`."""
    root = Component(name=f"lutong-{image}", version=VERSION, type=ComponentType.CONTAINER, bom_ref="image")
    ours = [Component(name=f"lutong-{name}", version=VERSION, bom_ref=f"lutong-{name}") for name in (*_OURS, image)]
    theirs = [
        Component(
            name=each.name,
            version=each.version,
            bom_ref=f"{each.name}@{each.version}",
            purl=PackageURL("pypi", name=each.name, version=each.version),
            properties=[Property(name="lutong:file:sha256", value=sha256) for sha256 in each.sha256],
        )
        for each in pinned(lock)
    ]
    made = Bom(components=[base_image(dockerfile), *ours, *theirs])
    made.metadata.component = root
    made.register_dependency(root, made.components)
    made.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{image} {VERSION}\n{lock}\n{dockerfile}")
    return made


def lock_of(image: str) -> str:
    """What the image installs: deploy/Dockerfile takes this file."""
    name = "console" if image == "console" else "service"
    return (ROOT / "deploy" / "requirements" / f"{name}.lock").read_text(encoding="utf-8")


def main(directory: Path) -> None:
    """Write a bill for each image."""
    directory.mkdir(parents=True, exist_ok=True)
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    for image in IMAGES:
        file = directory / f"lutong-{image}.cdx.json"
        file.write_text(
            JsonV1Dot6(bill(image, lock_of(image), dockerfile)).output_as_string(indent=2), encoding="utf-8"
        )
        sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "sbom")
