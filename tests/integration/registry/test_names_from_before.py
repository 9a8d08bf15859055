"""Services that were listed before names were looked up: the migration makes of them what the service makes of new ones."""

import asyncpg
from uuid_utils import uuid7

from lutong_chassis.testing import create_database, drop_database, migrate_database
from lutong_registry.app import service
from lutong_registry.search.domain.titles import names_of, outline_of
from tests.conftest import Infrastructure

BEFORE = """
    INSERT INTO merchant (merchant_id, name) VALUES ('gov', '浙里办');
    INSERT INTO program (program_id, merchant_id) VALUES ('long', 'gov'), ('short', 'gov'), ('unfound', 'gov');
    INSERT INTO listing (program_id, merchant_id, version, title, page, keywords, description, visible, title_key, name_keys,
                         signature)
    SELECT program_id, 'gov', 1, title, 'pages/a', keywords, '', program_id <> 'unfound', title_key, name_keys,
           search_signature(title, '{}', 0.6)
      FROM (VALUES ('long', '老年证明换发', ARRAY['敬老证'], '老年证明换发', ARRAY['敬老证', '老年证明换发']),
                   ('short', '社保卡', '{}', '社保卡', NULL),
                   ('unfound', '居住证办理指南', '{}', '', NULL)) AS given (program_id, title, keywords, title_key, name_keys)
"""


async def test_names_and_titles_of_before_are_looked_up_afterwards(infrastructure: Infrastructure) -> None:
    url = await create_database(infrastructure.admin_url, f"before_{uuid7().hex[-8:]}")
    try:
        number = next(m.number for m in service.migrations if m.name == "look_names_up")
        await migrate_database(url, [m for m in service.migrations if m.component != "registry" or m.number < number])
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(BEFORE)
            await migrate_database(url, service.migrations)
            names = await connection.fetch("SELECT program_id, key FROM listing_name ORDER BY program_id, key")
            [title] = await connection.fetch(
                "SELECT program_id, rarest, bits, words, spare, visible FROM listing_title"
            )
        finally:
            await connection.close()
    finally:
        await drop_database(infrastructure.admin_url, url.rpartition("/")[2])
    expected = [("long", name) for name in names_of("老年证明换发", ["敬老证"])] + [("short", "社保卡")]
    assert [tuple(row) for row in names] == expected
    outline = outline_of("老年证明换发", {})
    assert outline is not None
    assert (title["program_id"], title["visible"]) == ("long", True)
    assert (title["bits"].as_string().replace(" ", ""), title["words"], title["spare"]) == outline[1:]
    assert set(outline.rarest) <= set(title["rarest"])
