"""The feed as it should be, in memory: who reads what, whatever was published, edited, deleted, followed and blocked before."""

from dataclasses import dataclass, field
from typing import NamedTuple

Pairs = set[tuple[str, str]]


@dataclass(slots=True)
class ModelPost:
    """A post with all that it was; a repost hangs below its parent."""

    post_id: str
    author: str
    texts: list[str]
    parent: "ModelPost | None" = None
    deleted: bool = False
    audience: str = "everybody"
    program_id: str | None = None
    """The program that its card leads to."""

    @property
    def root(self) -> "ModelPost":
        """The post at the root of its tree: itself, when it is no repost."""
        return self.parent.root if self.parent else self

    @property
    def depth(self) -> int:
        """How far it hangs below its root."""
        return self.parent.depth + 1 if self.parent else 0


class Seen(NamedTuple):
    """What a reader sees of a post."""

    post_id: str
    text: str
    revision: int
    root_id: str | None
    root_text: str | None
    root_deleted: bool | None
    depth: int | None


@dataclass(slots=True)
class ModelFeed:
    """All posts in the order of their publication, and who follows, blocks and mutes whom."""

    posts: list[ModelPost] = field(default_factory=list)
    follows: Pairs = field(default_factory=set)
    blocks: Pairs = field(default_factory=set)
    mutes: Pairs = field(default_factory=set)

    def blocked(self, one: str, other: str) -> bool:
        """Whether one of two accounts blocks the other."""
        return (one, other) in self.blocks or (other, one) in self.blocks

    def may_repost(self, author: str, parent: ModelPost) -> bool:
        """Whether an account may repost a post."""
        above = (parent, parent.root)
        return not any(each.deleted or self.blocked(author, each.author) for each in above)

    def block(self, one: str, other: str) -> None:
        """One account blocks another one."""
        self.blocks.add((one, other))
        self.follows -= {(one, other), (other, one)}

    def readable(self, viewer: str, post: ModelPost) -> bool:
        """Whether a post is there for a viewer."""
        apart = any(self.blocked(viewer, each.author) for each in (post, post.root))
        return not post.deleted and not apart and self.among(viewer, post)

    def among(self, viewer: str, post: ModelPost) -> bool:
        """Whether a viewer is among those for whom a post is."""
        follows = post.audience == "followers" and (viewer, post.author) in self.follows
        return post.audience == "everybody" or viewer == post.author or follows

    def read_by(self, viewer: str) -> set[str]:
        """Whose posts a viewer reads: their own, and those of whom they follow."""
        return {viewer, *(other for one, other in self.follows if one == viewer)}

    def page_of(self, viewer: str, author: str) -> list[Seen]:
        """An account's posts, newest first."""
        return [seen(post) for post in self.posts[::-1] if post.author == author and self.readable(viewer, post)]

    def timeline(self, viewer: str) -> list[Seen]:
        """What a viewer reads, newest first."""
        read = self.read_by(viewer)
        mine = [post for post in self.posts[::-1] if post.author in read and self.readable(viewer, post)]
        muted = {other for one, other in self.mutes if one == viewer}
        return [seen(post) for post in mine if not muted & {post.author, post.root.author}]


def seen(post: ModelPost) -> Seen:
    """A post as its readers see it."""
    shown = (post.post_id, post.texts[-1], len(post.texts))
    if post.parent is None:
        return Seen(*shown, None, None, None, None)
    root = post.root
    return Seen(*shown, root.post_id, "" if root.deleted else root.texts[-1], root.deleted, post.depth)
