"""What the OpenAPI documents say is what running services do: schemathesis tries each operation, as an operator.

`make fuzz` runs it: at the edges of each schema, and with EXAMPLES odd requests per operation.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lutong_chassis.auth import Principal
from lutong_contracts.topics import SERVICES
from lutong_local.stack import Stack
from tests.support.stacks import a_stack

EXAMPLES = os.environ.get("EXAMPLES", "10")
LEFT_OUT = {
    "positive_data_acceptance": "rules beyond a schema are refused with 422 too: an unknown sku, a key used twice",
    "allow_header_conformance": "/v1/posts/batch is also the post `batch`: Allow rightly says GET and POST, not one path's",
}

HOOKED = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    with a_stack(tmp_path / "fuzzed") as running:
        yield running


@pytest.mark.timeout(900)
def test_running_services_do_what_their_openapi_documents_promise(own_stack: Stack, tmp_path: Path) -> None:
    token = own_stack.signer.token(Principal("fuzz", "operator"), 3600)
    runs = {}
    for service in SERVICES:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{own_stack.url(service)}/openapi.json",
            "--header", f"Authorization: Bearer {token}", "--checks", "all", "--exclude-checks", ",".join(LEFT_OUT),
            "--rate-limit", "auto", "--seed", "1", "--continue-on-failure", "--max-examples", EXAMPLES,
        ]  # fmt: skip
        runs[service] = subprocess.Popen(
            command, cwd=tmp_path, env=os.environ | HOOKED, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    for service, run in runs.items():
        output = run.communicate()[0].decode()
        assert run.returncode == 0, f"{service}:\n{output.replace(token, '…')}"
        tried = re.search(r"(\d+) generated, \1 passed", output)
        assert tried, output
        assert int(tried[1]) > 500
    for service in SERVICES:
        log = Path(own_stack.children[service].log).read_text()
        assert "command_failed" not in log, f"a bug in {service}"
        assert token not in log
