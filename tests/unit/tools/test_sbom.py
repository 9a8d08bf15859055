"""Each image has a bill of materials that is whole, valid and the same for the same files."""

import json
import re

import pytest
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools import sbom

DOCKERFILE = (sbom.ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def _written(image: str, lock: str) -> str:
    return JsonV1Dot6(sbom.bill(image, lock, DOCKERFILE)).output_as_string()


@pytest.mark.parametrize("image", ["feed", "console"])
def test_a_bill_has_every_package_of_the_lock_and_ours(image: str) -> None:
    lock = sbom.lock_of(image)
    written = _written(image, lock)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    names = {each["name"] for each in json.loads(written)["components"]}
    assert {"python", "lutong-contracts", "lutong-chassis", f"lutong-{image}"} <= names
    assert set(re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", lock, re.MULTILINE)) <= names
    files = [each["value"] for part in json.loads(written)["components"] for each in part.get("properties", ())]
    assert sorted(files) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))


def test_the_same_files_give_the_same_serial_number() -> None:
    lock = sbom.lock_of("feed")
    first, again, other = (json.loads(_written("feed", each))["serialNumber"] for each in (lock, lock, lock + "\n"))
    assert first == again != other


def test_the_control_a_bill_that_lacks_a_name_is_not_valid() -> None:
    broken = json.loads(_written("feed", sbom.lock_of("feed")))
    del broken["components"][0]["name"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken)) is not None
