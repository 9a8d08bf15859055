"""docs/adding-a-service.md is true: its files make a service that works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from uuid_utils.compat import uuid7

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.testing import create_database, drop_database
from lutong_contracts import TOPICS, Topic
from tests.conftest import Infrastructure
from tests.support.builders import fulfilled
from tests.support.harness import a_record, feed, read_topic, until

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"```(?:python|sql)\n(?:#|--) (\S+)\n(.*?)```", re.DOTALL)


def write_files(checkout: Path) -> int:
    """Write the page's files below a checkout of the contracts; gives how many lines they have."""
    shutil.copytree(
        ROOT / "libs" / "contracts" / "lutong_contracts", checkout / "libs" / "contracts" / "lutong_contracts"
    )
    lines = 0
    for name, content in BLOCK.findall((ROOT / "docs" / "adding-a-service.md").read_text(encoding="utf-8")):
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        lines += sum(bool(line.strip()) for line in content.splitlines())
    (checkout / "services" / "loyalty" / "lutong_loyalty" / "__init__.py").touch()
    return lines


async def test_a_fifth_service_costs_about_sixty_lines_and_works(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    assert write_files(tmp_path) < 75
    await topics.apply(
        KafkaAccess(infrastructure.kafka_bootstrap), [*TOPICS, Topic("lutong.loyalty.points", key="member")]
    )
    name = f"loyalty_{uuid7().hex[-8:]}"
    url = await create_database(infrastructure.admin_url, name)
    environment = {
        "PYTHONPATH": os.pathsep.join(str(tmp_path / path) for path in ("libs/contracts", "services/loyalty")),
        "LUTONG_DATABASE_URL": url,
        "LUTONG_AUTH": "off",
        "LUTONG_KAFKA_BOOTSTRAP": infrastructure.kafka_bootstrap,
        "LUTONG_HTTP_PORT": "0",
    }
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "lutong_loyalty.app"], env=os.environ | environment, stdout=log, stderr=log
    )
    try:
        order = f"loyal-{uuid7().hex[-8:]}"
        once = a_record(fulfilled(order, amount_minor=11_800))
        await feed(infrastructure.kafka_bootstrap, "lutong.inventory.orders", [once, once])

        async def earned() -> list[int]:
            assert process.poll() is None, (tmp_path / "log").read_text()
            records = await read_topic(infrastructure.kafka_bootstrap, "lutong.loyalty.points")
            points = [json.loads(record.value)["earned"] for record in records]  # of other tests' orders as well
            return points if 118 in points else []

        assert (await until(earned, "points are earned")).count(118) == 1
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
        log.close()
        await drop_database(infrastructure.admin_url, name)
