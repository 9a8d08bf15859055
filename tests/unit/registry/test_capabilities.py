"""What programs may use: declared, granted, revoked, and held to from the first version that declares something."""

from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.hosts import CAPABILITIES
from lutong_registry.capabilities.domain import SELLING, Grants, Refusal, grant, released, revoke, undeclared

NAMES = st.sampled_from(CAPABILITIES)


def test_who_sells_declares_payment_and_credit_or_nothing() -> None:
    assert undeclared((), sells=True) is None
    assert undeclared(("location",), sells=False) is None
    assert undeclared(("pay", "credit"), sells=True) is None
    refusal = undeclared(("pay", "location"), sells=True)
    assert refusal is not None
    assert "credit" in refusal.detail


def test_what_nobody_declares_is_not_granted() -> None:
    refused = grant(Grants("fund"), "pay", ("location",))
    assert isinstance(refused, Refusal)
    assert refused.kind == "not_declared"
    assert isinstance(revoke(Grants("fund"), "pay"), Refusal)


def test_a_program_from_before_goes_on() -> None:
    assert released(Grants("fund"), (), sells=True) == Grants("fund")


@given(st.lists(st.tuples(st.sampled_from(("grant", "revoke", "release")), NAMES, st.sets(NAMES), st.booleans())))
def test_what_is_in_force_was_granted_and_stays_enforced(moves: list[tuple[str, str, set[str], bool]]) -> None:
    known = Grants("fund")
    for move, name, declared, sells in moves:
        before = known
        decided: Grants | Refusal
        if move == "grant":
            decided = grant(known, name, CAPABILITIES)
        elif move == "revoke":
            decided = revoke(known, name)
        else:
            decided = released(known, declared, sells=sells)
        if isinstance(decided, Refusal):
            continue
        known = decided
        assert known.enforced >= before.enforced
        assert known.revision == before.revision + (known != before)
        if move == "release" and known.enforced:
            assert {*declared} | (SELLING if sells else set()) <= known.granted
