"""The list of verticals: sixty-six, each with a name of its own in both languages."""

from lutong_feed.verticals.domain import VERTICALS


def test_there_are_sixty_six_each_with_its_own_names() -> None:
    assert len(VERTICALS) == 66
    for names in zip(*VERTICALS, strict=True):
        assert len(set(names)) == 66
    assert all(each.vertical.replace("_", "").isascii() and not each.zh.isascii() for each in VERTICALS)
