"""What happens to life accounts: followers come and go, a push is cancelled, another one is sent and recalled."""

from typing import Final

from lutong_contracts.feed import AccountChanged, AccountFollowed, AccountUnfollowed
from lutong_contracts.life_accounts import PushChunkDue
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.steps import Step

_DRAFT: Final = {"program_id": "g-1", "title": "公积金", "text": "新政策"}
_POLICY: Final = {"effective_from": "2099-01-01T00:00:00+08:00", "kind": "calendar_week", "quota": 3}


def _push(push_id: str, verb: str, body: dict[str, object] | None = None) -> Command:
    return Command("POST", f"/v1/life-accounts/gov-life/pushes/{push_id}/{verb}", body)


LIFE_ACCOUNTS: Final[tuple[Step, ...]] = (
    AccountChanged(account_id="gov-life", kind="enterprise", merchant_id="gov", revision=1),
    AccountFollowed(follower_id="bo", followee_id="gov-life"),
    AccountFollowed(follower_id="cy", followee_id="gov-life"),
    AccountUnfollowed(follower_id="cy", followee_id="gov-life"),
    Command("POST", "/v1/push-policies", _POLICY),
    Command("PUT", "/v1/life-accounts/gov-life/pushes/a", _DRAFT),
    _push("a", "submission", {}),
    _push("a", "cancellation"),
    Command("PUT", "/v1/life-accounts/gov-life/pushes/b", _DRAFT),
    _push("b", "submission", {}),
    PushChunkDue(push_id="b"),
    _push("b", "recall"),
)
