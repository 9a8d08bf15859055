"""`lutong import`: what is right is taken once, what is not is told, and what was broken off goes on."""

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lutong_chassis.auth import Principal
from lutong_console.targets import Suite
from lutong_local.stack import Stack
from tests.bench.imports import BAD_STOCK, BAD_STORES, MERCHANT, write_stock, write_stores
from tests.support.command_line import COMMAND, Lutong
from tests.support.harness import until

pytestmark = pytest.mark.timeout(300)


class Importing:
    """Runs `lutong import` against the suite of the tests."""

    def __init__(self, stack: Stack) -> None:
        variables = {"LUTONG_HOME": str(stack.directory.parent), "LUTONG_STACK": stack.directory.name}
        self.environment = os.environ | variables
        self.signer = stack.signer

    def acting_for(self, merchant: str) -> "Importing":
        """The same, as a merchant."""
        self.environment |= {"LUTONG_TOKEN": self.signer.token(Principal("importer", "merchant", merchant), 3_600)}
        return self

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The installed program, for who sends it a signal."""
        command = [COMMAND, "import", "--json", *arguments]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __call__(self, *arguments: str | Path) -> dict[str, dict[str, Any]]:
        """What became of each file, by its kind."""
        done = Lutong(self.environment)("import", "--json", *map(str, arguments), timeout_s=280)
        assert done.stdout, done.stderr
        return {report["kind"]: report for report in json.loads(done.stdout)["files"]}


@pytest.fixture
def importing(stack: Stack) -> Importing:
    return Importing(stack)


def counts(reports: dict[str, dict[str, Any]]) -> dict[str, tuple[int, int, int]]:
    """(taken, taken before, rejected) by kind."""
    return {kind: (report["taken"], report["known"], report["rejected"]) for kind, report in reports.items()}


async def events_published(target: Suite) -> int:
    """How many rows of any kind inventory has written."""
    connection = await asyncpg.connect(target.database_urls["inventory"])
    try:
        tables = ("outbox", "movement", "audit", "shelf", "location", "idempotency")
        return sum([await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables])
    finally:
        await connection.close()


async def test_bad_rows_are_all_reported_and_a_second_run_changes_nothing(
    importing: Importing, target: Suite, tmp_path: Path
) -> None:
    (tmp_path / "merchants.csv").write_text(f"merchant_id,name\n{MERCHANT},Import\n", encoding="utf-8")
    planted = {
        "merchants": [],
        "stores": write_stores(tmp_path / "stores.csv", 50),
        "stock": write_stock(tmp_path / "stock.csv", 50, 10),
    }
    assert len(planted["stores"]) + len(planted["stock"]) == 37
    first = importing(tmp_path)
    for kind, report in first.items():
        reported = sorted((problem["line"], problem["column"]) for problem in report["problems"])
        assert reported == sorted(planted[kind])
    assert counts(first) == {
        "merchants": (1, 0, 0), "stores": (50, 0, len(BAD_STORES)), "stock": (500, 0, len(BAD_STOCK)),
    }  # fmt: skip
    written = (tmp_path / "stock.rejected.csv").read_text(encoding="utf-8").splitlines()
    assert written[0] == "location_id,sku,on_hand,rejected_line,rejected_column,rejected_reason"
    assert len(written) == 1 + len(BAD_STOCK)

    before = await events_published(target)
    assert {kind: (taken, known) for kind, (taken, known, _) in counts(importing(tmp_path)).items()} == {
        "merchants": (0, 1), "stores": (0, 50), "stock": (0, 500),
    }  # fmt: skip
    assert await events_published(target) == before


def test_rejected_rows_are_mended_in_their_file_and_imported(importing: Importing, tmp_path: Path) -> None:
    (tmp_path / "merchants.csv").write_text('merchant_id,name\nmended-1,One\nmended-2,"Two\nlines"\n', encoding="utf-8")
    assert counts(importing(tmp_path)) == {"merchants": (1, 0, 1)}
    rejected = tmp_path / "merchants.rejected.csv"
    rejected.write_text(rejected.read_text(encoding="utf-8").replace('"Two\nlines"', "Two"), encoding="utf-8")
    assert counts(importing(rejected)) == {"merchants": (1, 0, 0)}


def test_strict_takes_none_and_a_dry_run_asks_nobody(importing: Importing, tmp_path: Path) -> None:
    file = tmp_path / "merchants.ndjson"
    file.write_text('{"merchant_id":"strict","name":"S"}\n{"merchant_id":"bad id","name":"B"}\n', encoding="utf-8")
    assert counts(importing("--dry-run", file)) == {"merchants": (0, 0, 1)}
    assert [path.name for path in tmp_path.iterdir()] == ["merchants.ndjson"]
    assert counts(importing("--strict", file)) == {"merchants": (0, 0, 1)}
    assert counts(importing(file)) == {"merchants": (1, 0, 1)}  # nothing of it was there


def test_rows_of_another_merchant_are_reported_and_not_taken(importing: Importing, tmp_path: Path) -> None:
    (tmp_path / "merchants.csv").write_text("merchant_id,name\nmine,Mine\ntheirs,Theirs\n", encoding="utf-8")
    importing(tmp_path / "merchants.csv")
    header = "location_id,merchant_id,name,latitude,longitude\n"
    rows = "my-store,mine,Mine,30,120\ntheir-store,theirs,Theirs,30,120\n"
    (tmp_path / "stores.csv").write_text(header + rows, encoding="utf-8")
    report = importing.acting_for("mine")(tmp_path / "stores.csv")["stores"]
    assert (report["taken"], report["problems"][0]["line"]) == (1, 3)
    assert report["problems"][0]["column"] == "merchant_id"


STORES = 3_000
_WAITS = """
    CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
    CREATE TRIGGER wait_for_test BEFORE INSERT ON location FOR EACH ROW WHEN (NEW.location_id = $held$)
    EXECUTE FUNCTION wait_for_test();
"""


@asynccontextmanager
async def held_at(target: Suite, store: str) -> AsyncIterator[asyncpg.Connection]:
    """Inventory takes stores until it comes to this one, which waits until the block ends."""
    connection = await asyncpg.connect(target.database_urls["inventory"])
    await connection.execute(_WAITS.replace("$held$", f"'{store}'"))
    await connection.execute("SELECT pg_advisory_lock(4711)")
    try:
        yield connection
    finally:
        await connection.execute("SELECT pg_advisory_unlock(4711)")
        await connection.execute("DROP TRIGGER wait_for_test ON location; DROP FUNCTION wait_for_test()")
        await connection.close()


async def test_an_import_that_was_broken_off_goes_on(importing: Importing, target: Suite, tmp_path: Path) -> None:
    (tmp_path / "merchants.csv").write_text(f"merchant_id,name\n{MERCHANT},Import\n", encoding="utf-8")
    importing(tmp_path / "merchants.csv")
    planted = write_stores(tmp_path / "stores.csv", STORES)
    async with held_at(target, f"store-{STORES - 500}") as connection:

        async def some_are_there_and_one_waits() -> bool:
            waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
            some = "SELECT count(*) > 500 FROM location WHERE location_id LIKE 'store-%'"
            return bool(await connection.fetchval(waits)) and bool(await connection.fetchval(some))

        running = importing.start(str(tmp_path / "stores.csv"))
        await until(some_are_there_and_one_waits, "some stores are taken", deadline_s=120)
        running.send_signal(signal.SIGINT)
        output, trouble = running.communicate(timeout=60)
    assert (running.returncode, output) == (130, "")
    assert "run the same command again to go on" in trouble
    report = importing(tmp_path / "stores.csv")["stores"]
    assert report["known"] > 0
    assert report["taken"] + report["known"] == STORES
    assert report["rejected"] == len(planted)


def test_a_whole_world_comes_from_a_folder(importing: Importing, tmp_path: Path) -> None:
    offers = '[{"sku":"pen","title":"钢笔","unit_price":{"amount_minor":3000,"currency":"CNY"}}]'
    program = {"program_id": "folder-pens", "merchant_id": "folder", "title": "钢笔", "page": "pages/a"}
    files = {
        "merchants.csv": "merchant_id,name\nfolder,文件夹\n",
        "programs.ndjson": json.dumps(program | {"offers": json.loads(offers)}) + "\n",
        "accounts.csv": "account_id,name,kind,merchant_id,program_ids\n"
        "folder-official,文件夹,enterprise,folder,folder-pens\nfolder-ann,Ann,,,\n",
        "follows.csv": "follower_id,followee_id\nfolder-ann,folder-official\n",
        "stores.csv": "location_id,merchant_id,name,latitude,longitude\nfolder-store,folder,店,31.2,121.5\n",
        "stock.csv": "location_id,sku,on_hand\nfolder-store,pen,5\n",
        "plans.csv": "plan_id,merchant_id,title,line_limit_minor\nfolder-light,folder,轻会员,300000\n",
        "members.csv": "member_id,months_known,late_months,worst_delay_months,utilisation_percent,declared_limit_minor\n"
        "folder-ann,36,0,0,20,2000000\n",
        "posts.csv": "post_id,author_id,text,program_id\nfolder-post,folder-official,新钢笔,folder-pens\n",
        "orders.csv": "request_id,post_id,viewer_id,lines,latitude,longitude\nr-1,folder-post,folder-ann,pen:1,31.2,121.5\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    first, second = counts(importing(tmp_path)), counts(importing(tmp_path))
    assert {kind: rejected for kind, (_, _, rejected) in first.items() if rejected} == {}
    assert {kind for kind, (taken, _, _) in first.items() if taken} == {name.partition(".")[0] for name in files}
    assert {kind: known for kind, (taken, known, _) in second.items() if not taken} == {
        kind: taken for kind, (taken, _, _) in first.items()
    }
