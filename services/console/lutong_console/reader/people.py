"""The people of a demo: who they are, where they want their goods, and the token with which they ask."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lutong_chassis.auth import Principal
from lutong_chassis.tokens import Signer
from lutong_console.bearer import Bearer
from lutong_console.web.access import Session

_TOKEN_LIFETIME_S: Final = 300


class Spot(NamedTuple):
    """Where goods are brought."""

    name: str
    latitude: float
    longitude: float


SPOTS: Final = {
    "people": Spot("People's Square", 31.2304, 121.4737),
    "lujiazui": Spot("Lujiazui", 31.2397, 121.4998),
    "airport": Spot("Pudong airport", 31.1443, 121.8083),
}


class Person(NamedTuple):
    """A reader. `months_known`, `late_months` and `utilisation_percent` decide what credit they get."""

    account_id: str
    name: str
    months_known: int
    late_months: int
    utilisation_percent: int


PEOPLE: Final = {
    person.account_id: person
    for person in (
        Person("reader-lin", "林小满", 36, 0, 20),
        Person("reader-chen", "陈默", 60, 0, 5),
        Person("reader-wu", "吴桐", 3, 5, 95),
    )
}
FIRST: Final = "reader-lin"


@dataclass(slots=True)
class Readers:
    """As whom each session reads. A session starts as the first person, and may change."""

    signer: Signer
    _chosen: dict[str, str] = field(default_factory=dict)
    _bearers: dict[str, Bearer] = field(default_factory=dict, repr=False)

    def person(self, session: Session) -> Person:
        """Who reads in a session."""
        return PEOPLE[self._chosen.get(session.id, FIRST)]

    def choose(self, session: Session, account_id: str) -> None:
        """Read as another person. Unknown ones change nothing."""
        if account_id in PEOPLE:
            self._chosen[session.id] = account_id

    def bearer(self, person: Person) -> Bearer:
        """What signs a person's requests."""
        if person.account_id not in self._bearers:
            who = Principal(person.account_id, "member", member_id=person.account_id)
            self._bearers[person.account_id] = Bearer(lambda: self.signer.token(who, _TOKEN_LIFETIME_S))
        return self._bearers[person.account_id]
