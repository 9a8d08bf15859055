"""The versions of a program as their rules have them: handed in, audited, shown to some, hosted, released, taken back and forbidden."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from lutong_contracts.gray import STEPS, Audience, Viewing
from lutong_contracts.hosts import Needs
from lutong_registry.life_accounts.domain import Push, after_chunk, begun
from lutong_registry.programs import domain as programs
from lutong_registry.programs import hosting
from lutong_registry.programs.domain import Change, Program, Refusal, Version
from lutong_registry.releases import domain
from lutong_registry.releases.domain import Wanted

HOSTS: Final = ("amap", "ele", "weibo")
VIEWERS: Final = tuple(
    Viewing(f"v-{number}", (None, "浙江", "北京")[number % 3], (None, "ios")[number % 2]) for number in range(24)
)
_BEGIN: Final = datetime(2026, 11, 29, 4, tzinfo=UTC)
_DRAFT: Final = Push("", "acme", "g-1", "t", "b", "quota_reserved", None, None, None, "", 0, None, None, None)
_OFTEN: Final = {
    "submit": 8, "admit": 4, "approve": 6, "reject": 1, "withdraw": 4, "resubmit": 5, "gray": 16, "release": 4, "made": 2, "take_back": 2,
    "guard": 1, "forbid": 1, "suspend": 1, "resume": 3, "push": 4,
}  # fmt: skip


@dataclass(slots=True)
class Versions:
    """A program with its merchant, its reviewers and the pushes that name it; each step is one command or event."""

    rng: Random
    program: Program = field(default_factory=lambda: Program("g-1", "acme", None))
    now: datetime = _BEGIN
    withdrawn_at: list[datetime] = field(default_factory=list)
    push: Push = _DRAFT
    asked: str = ""
    """What was asked for last, for the sentence of a promise that is broken."""
    wanted: Wanted | None = None
    """To whom the version in gray was to be shown last."""
    refused: str | None = None
    """Why it was refused."""
    pace: int = 1
    """Minutes of a short step."""

    def __post_init__(self) -> None:
        self.pace = self.rng.choice((1, 1, 60))

    def step(self) -> Change | None:
        """Something is asked for; gives what was decided, unless it is refused or concerns no version."""
        self.now += timedelta(minutes=self.pace * self.rng.choice((1, 2, 20)))
        (self.asked,) = self.rng.choices(list(_OFTEN), list(_OFTEN.values()))
        commands: dict[str, Callable[[int], Change | Refusal | None]] = {
            "submit": self._submit,
            "admit": lambda number: domain.admit(self.program, number),
            "approve": lambda number: programs.approve(self.program, number),
            "reject": lambda number: programs.reject(self.program, number, "because"),
            "withdraw": self._withdraw,
            "resubmit": lambda number: domain.resubmit(self.program, number),
            "gray": self._gray,
            "release": lambda number: hosting.release(self.program, number),
            "made": self._made,
            "take_back": self._take_back,
            "guard": lambda _: domain.stop(self.program, "guardrail", "conversion_fell"),
            "forbid": lambda number: domain.force_offline(self.program, number, "false_promises"),
            "suspend": lambda _: self._set_suspension(programs.suspend(self.program, "fraud_found"), "fraud_found"),
            "resume": lambda _: self._set_suspension(programs.resume(self.program), None),
            "push": lambda _: self._push(),
        }
        decided = commands[self.asked](self._some())
        self.refused = decided.kind if isinstance(decided, Refusal) else None
        if not isinstance(decided, Change):
            return None
        known = {version.number: version for version in (*self.program.versions, *decided.versions)}
        self.program = replace(self.program, versions=tuple(known[number] for number in sorted(known)))
        return decided

    def _some(self) -> int:
        """The version in flight, mostly, or the newest."""
        pending = self.program.in_flight
        if pending is not None and self.rng.random() < 0.7:
            return pending.number
        return max(1, len(self.program.versions) - self.rng.choice((0, 0, 0, 0, 1, 2)))

    def _a_version(self, number: int) -> Version:
        hosts = self.rng.choice((None, None, *((host,) for host in HOSTS), HOSTS[:2], HOSTS))
        return Version(
            number,
            "submitted",
            f"茶 {self.rng.random()}",
            "pages/tea",
            (),
            needs=Needs(hosts=hosts, platform_version=number),
        )

    def _audience(self) -> Audience | None:
        """Who sees the version in gray, if one is."""
        return next((version.audience for version in self.program.versions if version.state == "gray"), None)

    def _submit(self, number: int) -> Change | Refusal:
        newest = len(self.program.versions)
        return programs.submit(self.program, self._a_version(self.rng.choice((newest + 1, newest + 1, number))))

    def _withdraw(self, number: int) -> Change | Refusal:
        decided = domain.withdraw(self.program, number, domain.rest(self.withdrawn_at, self.now))
        if isinstance(decided, Change):
            self.withdrawn_at.append(self.now)
        return decided

    def _gray(self, number: int) -> Change | Refusal:
        lists: list[tuple[str, ...] | None] = [
            self.rng.choice((None, None, (), *wanted)) for wanted in ((("v-1", "v-2"), ("v-1",)), (("浙江",),), (("ios",),))
        ]  # fmt: skip
        before = self._audience()
        following = next((step for step in STEPS if before is None or step > before.percent), STEPS[-1])
        self.wanted = Wanted(self.rng.choice((following, following, *STEPS)), *lists)
        return domain.gray(self.program, number, self.wanted, f"s-{self.now:%j%H%M}")

    def _made(self, _: int) -> Change | Refusal | None:
        """Its template makes a version anew, unless one is in review, or none is in force."""
        if self.program.in_flight or self.program.released is None:
            return None
        return programs.release_reviewed(self.program, self._a_version(len(self.program.versions) + 1))

    def _take_back(self, number: int) -> Change | Refusal:
        released = self.program.released
        number = self.rng.choice((number, released.number if released else number))
        to = self.rng.choice((None, None, max(1, number - self.rng.randint(1, 3))))
        return domain.take_back(self.program, number, to, "merchant", "wrong_prices")

    def _set_suspension(self, decided: Change | Refusal, reason: str | None) -> Change | Refusal:
        if isinstance(decided, Change):
            self.program = replace(self.program, suspended_for=reason)
        return decided

    def _push(self) -> None:
        """A push that names the program begins, reaches some more followers, or is over and the next one waits."""
        if self.push.state == "quota_reserved":
            self.push = begun(self.push, self.program, self.now)
        else:
            self.push = after_chunk(self.push, ["f-1"], self.rng.choice((1, 1, 2)), self.program, self.now)
        if self.push.state not in {"quota_reserved", "sending"}:
            self.push = _DRAFT
