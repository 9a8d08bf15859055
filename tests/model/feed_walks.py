"""What a walk down a list of the feed may show, by the plainest rules: F1 to F3, F6 and F7 of one reader's pages, and F4 of what they report."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from lutong_contracts.touches import Served, read
from tests.model.feed import ModelFeed, ModelPost
from tests.model.shelf_promises import BrokenPromiseError

State = Literal["released", "offline", "suspended"]
Page = dict[str, Any]
"""A page as the feed answers it."""

LISTS: Final = ("home", "newest", "timeline", "square", "for_you")


@dataclass(slots=True)
class ModelProgram:
    """A mini-program: the version in force, and whether cards may lead to it."""

    version: int = 1
    state: State = "released"


@dataclass(slots=True)
class World(ModelFeed):
    """The feed as it should be, with the programs that its cards lead to."""

    programs: dict[str, ModelProgram] = field(default_factory=dict)

    def post(self, post_id: str) -> ModelPost:
        """A post by its id, `p-7` the seventh."""
        return self.posts[self.place(post_id)]

    def place(self, post_id: str) -> int:
        """The place of a post in the order of publication."""
        return int(post_id.removeprefix("p-"))

    def program_of(self, post: ModelPost) -> ModelProgram | None:
        """What the card of a post leads to: that of its root."""
        return self.programs.get(post.root.program_id or "")

    def may_follow(self, viewer: str, post: ModelPost) -> bool:
        """Whether a post belongs to the home of a viewer."""
        muted = {other for one, other in self.mutes if one == viewer} & {post.author, post.root.author}
        return not muted and self.readable(viewer, post) and post.author in self.read_by(viewer)

    def may_stand_for_a_program(self, viewer: str, post: ModelPost) -> bool:
        """Whether a post may lead a viewer to its program, in the square or in a place that is paid for."""
        muted, program = (viewer, post.author) in self.mutes, self.program_of(post)
        in_force = program is not None and program.state == "released"
        return in_force and post.audience == "everybody" and not muted and self.readable(viewer, post)


@dataclass(slots=True)
class Walk:
    """One reader's walk down one list: what it showed, and what it has to show because it was there all along."""

    world: World
    reader: str
    listing: str
    cursor: str | None = None
    steady: set[str] = field(default_factory=set)
    originals: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steady = {post.post_id for post in self.world.posts if self._eligible(post)}

    def still(self) -> None:
        """Something happened: what may not be shown any more is not missed any more."""
        self.steady = {post_id for post_id in self.steady if self._eligible(self.world.post(post_id))}

    def take(self, page: Page) -> None:
        """Take a page, and hold it to what is promised; at the end, all that came."""
        items = page["items"] if "items" in page else [{"kind": "organic", "post": post} for post in page["posts"]]
        for item in items:
            self._f1_nothing_hidden(item)
            self._f7_hangs_where_it_was_reposted(item["post"])
            self._f1_no_words_of_the_hidden(item["post"])
            self._f2_each_once(item)
            self._f6_only_what_is_in_force(item["post"])
        self._f3_newest_first(items)
        self.cursor = page["next_cursor"]
        if self.cursor is None:
            self._f2_nothing_skipped()

    def _eligible(self, post: ModelPost) -> bool:
        return self.listing in {"home", "newest", "timeline"} and self.world.may_follow(self.reader, post)

    def _f1_nothing_hidden(self, item: Page) -> None:
        post = self.world.post(item["post"]["post_id"])
        of_programs = item["kind"] == "paid" or self.listing in {"square", "for_you"}
        may = self.world.may_stand_for_a_program if of_programs else self.world.may_follow
        held(may(self.reader, post), "F1", f"{self.reader} is shown {post} in {self.listing} of {self.world.follows}")

    def _f1_no_words_of_the_hidden(self, shown: Page) -> None:
        post, above = self.world.post(shown["post_id"]), shown["repost"]
        if above and (post.root.deleted or not self.world.readable(self.reader, post.root)):
            held(not above["root_text"], "F1", f"{self.reader} is shown words of {post.root} of {self.world.follows}")

    def _f2_each_once(self, item: Page) -> None:
        post = self.world.post(item["post"]["post_id"])
        shown = post.post_id if self.listing == "timeline" else post.root.post_id
        held(shown not in self.originals, "F2", f"{self.reader} is shown {shown} twice in {self.listing}")
        self.originals.append(shown)
        self.posts.append(post.post_id)

    def _f2_nothing_skipped(self) -> None:
        wanted = {each if self.listing == "timeline" else self.world.post(each).root.post_id for each in self.steady}
        missing = wanted - set(self.originals)
        held(not missing, "F2", f"the walk of {self.reader} down {self.listing} ended without {sorted(missing)}")

    def _f3_newest_first(self, items: list[Page]) -> None:
        if self.listing in {"newest", "timeline"}:
            places = [self.world.place(post_id) for post_id in self.posts]
            held(places == sorted(places, reverse=True), "F3", f"{self.posts} are not in the order of time")
            held(all(item["kind"] == "organic" for item in items), "F3", "a place of a walk by time is paid for")

    def _f6_only_what_is_in_force(self, shown: Page) -> None:
        program, card = self.world.program_of(self.world.post(shown["post_id"])), shown["card"]
        if card["state"] == "active":
            right = program is not None and (program.state, program.version) == ("released", card["version"])
            held(right, "F6", f"the card of {shown['post_id']} leads to version {card['version']} of {program}")

    def _f7_hangs_where_it_was_reposted(self, shown: Page) -> None:
        post, above = self.world.post(shown["post_id"]), shown["repost"] or {}
        found = (above.get("root_id"), above.get("depth"))
        wanted = (post.root.post_id, post.depth) if post.parent else (None, None)
        held(found == wanted, "F7", f"{post.post_id} hangs at {found}, and not at {wanted}")


class Done(NamedTuple):
    """What a viewer did with an item that was served."""

    request_id: str
    position: int
    kind: str


@dataclass(slots=True)
class Ledger:
    """What viewers did, each item once per kind."""

    done: dict[Done, Served] = field(default_factory=dict)

    def report(self, touch: str, kind: str) -> None:
        """A report of what was served; again it changes nothing."""
        served = read(touch)
        assert served
        self.done.setdefault(Done(served.request_id, served.position, kind), served)

    def check(self, counted: dict[tuple[str, str, str], int]) -> None:
        """F4: what is counted is what was done."""
        truth = Counter((served.post_id, served.placement, of.kind) for of, served in self.done.items())
        wrong = {
            spot: (counted.get(spot, 0), truth[spot])
            for spot in truth.keys() | counted
            if counted.get(spot, 0) != truth[spot]
        }
        held(not wrong, "F4", f"counted are, and should be: {wrong}")


def held(fact: bool, promise: str, sentence: str) -> None:
    """Raise unless a fact holds."""
    if not fact:
        raise BrokenPromiseError(f"{promise}: {sentence}")
