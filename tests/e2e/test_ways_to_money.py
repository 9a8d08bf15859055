"""The ways to money out of nothing, tried against the running suite: none succeeds, and all is accounted for."""

from lutong_local.stack import Stack
from tests.attacks.__main__ import attack, is_clean
from tests.attacks.ways import WAYS


async def test_no_way_to_money_succeeds_and_verify_is_clean(stack: Stack) -> None:
    assert len(WAYS) >= 10
    gained = await attack(stack)
    assert {way: amount for way, amount in gained.items() if amount} == {}
    assert await is_clean(stack)
