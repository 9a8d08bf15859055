"""State machines as text: every arrow is there, where it begins and where it ends."""

from tools.docgen.state_machines import MACHINES, draw, drawn


def test_a_machine_is_drawn_arrow_by_arrow() -> None:
    table = {"asked": ("yes", "no"), "yes": ("done",), "no": (), "done": ()}
    assert draw(table).splitlines() == [
        "● asked ─┬─▶ yes",
        "         └─▶ no",
        "  yes   ───▶ done",
        "  no    ■",
        "  done  ■",
    ]


def test_every_machine_of_the_code_is_drawn_in_full() -> None:
    for table in MACHINES.values():
        arrows = sum(len(following) for following in table.values())
        assert draw(table).count("▶") == arrows


def test_a_page_keeps_what_people_wrote_and_gets_its_machines() -> None:
    page = "# Coupons\n<!-- machine: coupon -->\nold\n<!-- end of machine -->\nMore.\n"
    assert drawn(page).startswith("# Coupons\n<!-- machine: coupon -->\n```text\n● issued")
    assert drawn(page).endswith("```\n<!-- end of machine -->\nMore.\n")
    assert drawn(drawn(page)) == drawn(page)
