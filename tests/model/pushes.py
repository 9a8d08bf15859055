"""Pushes of an account as their rules have them: handed in for now and for later, cancelled, sent and recalled, while policies change."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Literal

from lutong_console.verify.pushes import pushes_keep_their_quota
from lutong_registry.life_accounts import domain
from lutong_registry.life_accounts.domain import Policy, Push
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without
from tests.support.looks import Look

_BEGIN: Final = datetime(2026, 11, 29, 4, tzinfo=UTC)
_DRAFT: Final = Push("", "acme", "g-1", "t", "b", "draft", None, None, None, "", 0, None, None, None)


@dataclass(slots=True)
class Account:
    """An account's pushes in the order in which they got their places, the policies, and the rules that are left out."""

    rng: Random
    without: Without = frozenset()
    now: datetime = _BEGIN
    policies: list[Policy] = field(
        default_factory=lambda: [Policy(1, datetime(1970, 1, 1, tzinfo=UTC), "calendar_week", 1)]
    )
    pushes: list[Push] = field(default_factory=list)

    def step(self) -> None:
        """Something happens, some hours later."""
        self.now += timedelta(hours=self.rng.randint(0, 40))
        self.rng.choice(
            [self.hand_in, self.hand_in, self.hand_in, self.cancel, self.send, self.recall, self.set_policy]
        )()

    def taken(self) -> list[datetime]:
        """When the pushes count that have a place."""
        kept = [each for each in self.pushes if each.state != "recalled" or "recall" not in self.without]
        return domain.by_account(kept).get("acme", [])

    def hand_in(self) -> None:
        """One or two pushes, for now or for one of the next days; two at once are decided one after the other."""
        seen = self.taken()
        for _ in range(self.rng.randint(1, 2)):
            taken = seen if "one_by_one" in self.without else self.taken()
            moment = self.now + timedelta(hours=self.rng.choice([0, 0, self.rng.randint(1, 400)]))
            if "ahead" in self.without:
                taken = [each for each in taken if each <= moment]
            policies = self.policies
            if "policy" in self.without:
                policies = [domain.policy_at(policies, self.now)]
            quota = domain.quota_at(policies, taken, moment)
            if domain.why_not_reserve(_DRAFT, quota, moment, self.now):
                continue
            number = len(self.pushes) + 1
            policy = domain.policy_at(self.policies, moment).policy_id
            push = _DRAFT._replace(push_id=f"p-{number}", state="quota_reserved", counts_at=moment, policy_id=policy)
            self.pushes.append(push._replace(number=number))

    def cancel(self) -> None:
        """What nobody has gives its place back."""
        self._end("cancel")

    def recall(self) -> None:
        """What was sent gives nothing back."""
        self._end("recall")

    def send(self) -> None:
        """A push whose moment has come is sent."""
        for place, push in enumerate(self.pushes):
            if push.state == "quota_reserved" and push.counts_at and push.counts_at <= self.now:
                self.pushes[place] = push._replace(state="sent", delivered=1)

    def set_policy(self) -> None:
        """Another policy, from now or from a later moment on."""
        if self.rng.random() < 0.3:
            since = self.now + timedelta(hours=self.rng.randint(0, 200))
            kind: domain.Kind = self.rng.choice(["calendar_week", "rolling_7d"])
            self.policies.append(Policy(len(self.policies) + 1, since, kind, self.rng.randint(0, 3)))

    def check(self) -> None:
        """R6, by the second implementation that `lutong verify` has."""
        look, weeks = Look(), dict[datetime, int]()
        tables = look.tables["registry"]
        tables["push_policy"] += [{"policy_id": p.policy_id, "kind": p.kind, "quota": p.quota} for p in self.policies]
        kinds = {policy.policy_id: policy.kind for policy in self.policies}
        for push in self.pushes:
            columns = ("push_id", "account_id", "state", "counts_at", "policy_id", "number", "delivered")
            tables["push"].append({name: getattr(push, name) for name in columns})
            if push.state in domain.HOLDING and push.counts_at and kinds[push.policy_id or 0] == "calendar_week":
                starts_at = domain.week_of(push.counts_at).starts_at
                weeks[starts_at] = weeks.get(starts_at, 0) + 1
        tables["push_window"] += [{"account_id": "acme", "starts_at": at, "used": used} for at, used in weeks.items()]
        world = look.world()
        try:
            found = list(pushes_keep_their_quota(world))
        finally:
            world.close()
        if found:
            raise BrokenPromiseError(f"{found[0]} of {self.pushes}")

    def _end(self, verb: Literal["cancel", "recall"]) -> None:
        open_ = [place for place, push in enumerate(self.pushes) if not domain.why_not_ended(push, verb)]
        if open_:
            place = self.rng.choice(open_)
            self.pushes[place] = self.pushes[place]._replace(state=domain.ENDS[verb])


def run(seed: int, steps: int, without: Without = frozenset()) -> int:
    """One account's life; gives how many pushes got a place."""
    account = Account(Random(seed), without)
    for _ in range(steps):
        account.step()
    account.check()
    return len(account.pushes)
