"""Sealing, and who may read an address when: rules without a database."""

from types import SimpleNamespace

import pytest

from lutong_chassis.settings import SettingsError, read
from lutong_inventory.orders.domain.steps import LEAVES_WITH
from lutong_inventory.settings import InventorySettings
from lutong_inventory.vault.domain import ADDRESSES_MAX, why_not_another, why_not_shown
from lutong_inventory.vault.sealing import Master, Masters, seal, unseal, unwrap, wrap

KEY, NONCE = bytes(range(32)), bytes(range(12))
OLD, NEW = Master.of("ab" * 32), Master.of("cd" * 32)


def test_what_was_moved_changed_or_sealed_otherwise_stays_shut() -> None:
    sealed = seal(KEY, "人民大道 200 号".encode(), NONCE, "m-1/a-1")
    assert unseal(KEY, sealed, "m-1/a-1") == "人民大道 200 号".encode()
    assert unseal(KEY, sealed, "m-2/a-1") is None
    assert unseal(bytes(32), sealed, "m-1/a-1") is None
    for place in range(len(sealed)):
        assert unseal(KEY, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], "m-1/a-1") is None


def test_a_members_key_opens_with_the_master_before_too() -> None:
    kept = wrap(OLD, KEY, NONCE, "m-1")
    assert KEY not in kept.wrapped
    assert unwrap(Masters(NEW, OLD), kept) == KEY
    assert unwrap(Masters(NEW), kept) is None
    assert unwrap(Masters(OLD), kept._replace(member_id="m-2")) is None


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        *((state, False) for state in ("offered", "sourced", "ready_for_pickup", "fulfilled", "rejected", "cancelled")),
        *((state, True) for state in ("accepted", "picked", "handed_over")),
    ],
)
def test_an_address_is_shown_while_the_order_is_in_hand(state: str, shown: bool) -> None:
    order = SimpleNamespace(order_id="o-1", state=state, mode="delivery", address_id="a-1")
    assert (why_not_shown(order) is None) is shown


@pytest.mark.parametrize(
    ("mode", "address_id"), [("delivery", None), *((m, "a-1") for m in LEAVES_WITH if m != "delivery")]
)
def test_what_is_brought_nowhere_has_no_address(mode: str, address_id: str | None) -> None:
    refusal = why_not_shown(SimpleNamespace(order_id="o-1", state="accepted", mode=mode, address_id=address_id))
    assert refusal is not None
    assert refusal.kind == "no_address"


def test_a_member_has_so_many_addresses_at_most() -> None:
    assert why_not_another("m-1", ADDRESSES_MAX - 1) is None
    refusal = why_not_another("m-1", ADDRESSES_MAX)
    assert refusal is not None
    assert refusal.kind == "too_many_addresses"


def test_a_bad_master_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTONG_VAULT_KEY", "not-a-key-73291")
    with pytest.raises(SettingsError, match="LUTONG_VAULT_KEY: must have 64 hexadecimal digits") as raised:
        read(InventorySettings)
    assert "73291" not in str(raised.value)
