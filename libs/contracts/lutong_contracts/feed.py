"""Events of the feed: posts, and what viewers do with the card on a post."""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from lutong_contracts.audit import AuditedAction
from lutong_contracts.entity import Entity
from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import ACCOUNTS, ENGAGEMENTS, EXPOSURES, FEED_AUDIT, FOLLOWS, INTERACTIONS, POSTS
from lutong_contracts.touches import Touch
from lutong_contracts.values import AnyMode, Identifier, Instant, Line, Money, Place, Reason, Text, Value, Visible

REST_MAX: Final = 14_000
"""Code points of a text beyond the first 2,000: some scripts write a character with several."""


class AccountFacts(Entity):
    """What others may know of an account: what an operator vouches for, and never what it is called.

    `kind` is personal or enterprise, and may be another one day. `merchant_id` is the merchant that it represents,
    `program_ids` are the mini-programs bound to it.
    """

    account_id: Identifier
    kind: Reason
    merchant_id: Identifier | None = None
    program_ids: tuple[Identifier, ...] = Field(default=(), max_length=100)


class AccountChanged(AccountFacts, Event, topic=ACCOUNTS, key="account_id"):
    """An account is new, or is of another kind, or has other bindings."""


class AccountFollowed(Event, topic=FOLLOWS, key="follower_id:followee_id"):
    """An account follows an enterprise account. Who follows persons is not published.

    It is published again by `lutong publish-entities`, for what is older than this event: to keep it twice is to keep it once.
    """

    follower_id: Identifier
    followee_id: Identifier


class AccountUnfollowed(Event, topic=FOLLOWS, key="follower_id:followee_id"):
    """An account follows an enterprise account no more."""

    follower_id: Identifier
    followee_id: Identifier


PostAudience = Literal["everybody", "followers", "only_me"]
"""Who sees a post."""

AnyPostAudience = Annotated[str, Open(PostAudience)]
"""A `PostAudience` in an event: a later release may have more."""


class PostPublished(Event, topic=POSTS, key="post_id", from_others=True):
    """An author published a post. `program_id` is set when the author chose the mini-program;
    otherwise the registry looks for a service that the words ask for, unless the author wants no `card`. Others than the
    feed may publish it, too.

    A text of more than 2,000 code points goes on in `rest`, cut between two characters as readers count them: `whole` is both.
    The feed takes 2,000 such characters.
    """

    post_id: Identifier
    author_id: Identifier
    text: Annotated[Text, StringConstraints(min_length=1, max_length=2000), Visible]
    program_id: Identifier | None = None
    card: Literal["auto", "none"] = "auto"
    parent_id: Identifier | None = Field(default=None, description="The post that this one reposts.")
    rest: Annotated[Text, StringConstraints(min_length=1, max_length=REST_MAX)] | None = Field(
        default=None, description="What follows of a text of more than 2,000 code points."
    )
    quote_id: Identifier | None = Field(
        default=None, description="The post that this one shows below its own words; it keeps a card of its own."
    )
    audience: AnyPostAudience = Field(
        default="everybody", description="Who sees it: everybody, those who follow its author, or the author alone."
    )

    @property
    def whole(self) -> str:
        """All of the text."""
        return self.text + (self.rest or "")


class PostLimited(Event, topic=POSTS, key="post_id"):
    """An author, or an operator, changed who sees a post: everybody, those who follow its author, or the author alone."""

    post_id: Identifier
    author_id: Identifier
    audience: AnyPostAudience


class PostRefused(Event, topic=POSTS, key="post_id"):
    """The feed does not take a post that another publisher put on its topic; the cause is that event.

    `reason` is `unknown_author`, `post_exists` when the id is that of another post, `deleted` when the post was,
    `too_long` or `piled_up` for its text, or `no_parent`, `parent_deleted`,
    `kept_apart` (its author and that of the original) or `too_deep` for a repost, `no_quoted`, `quoted_deleted`, `kept_apart` or
    `reposts_and_quotes` for a quote.
    """

    post_id: Identifier
    author_id: Identifier
    reason: Reason


class CardTakenOff(Event, topic=POSTS, key="post_id"):
    """Its author, the merchant that it led to, or an operator took the card off a post, for good. `reason` is theirs."""

    post_id: Identifier
    program_id: Identifier | None = None
    by: Annotated[str, Open(Literal["author", "merchant", "operator"])]
    reason: Reason


class PostRevised(Event, topic=POSTS, key="post_id"):
    """An author edited a post: `whole` is its text from now on, in two fields as in PostPublished. Its program, if the author chose
    one, its place among reposts and the wish for no card stay; the registry judges the words anew."""

    post_id: Identifier
    author_id: Identifier
    revision: int = Field(ge=2, description="How often it was written: 2 after the first edit.")
    text: Annotated[Text, StringConstraints(min_length=1, max_length=2000), Visible]
    rest: Annotated[Text, StringConstraints(min_length=1, max_length=REST_MAX)] | None = None
    program_id: Identifier | None = None

    @property
    def whole(self) -> str:
        """All of the text."""
        return self.text + (self.rest or "")


class PostDeleted(Event, topic=POSTS, key="post_id"):
    """Its author or an operator deleted a post, for good: text and card are gone. `reason` is theirs, if they gave one.

    Its reposts stay, and show that the original was deleted. What was counted stays counted.
    """

    post_id: Identifier
    author_id: Identifier
    by: Annotated[str, Open(Literal["author", "operator"])]
    reason: Reason | None = None


class CardTapped(Event, topic=ENGAGEMENTS, key="viewer_id"):
    """A viewer opened the mini-program from the card on a post."""

    viewer_id: Identifier
    post_id: Identifier
    program_id: Identifier
    version: int = Field(ge=1)
    touch: Touch | None = Field(default=None, description="The item of the feed that was tapped, when it was served.")
    host_id: Identifier | None = Field(default=None, description="The app that it was opened in, if that stated it.")
    scene_id: Identifier | None = Field(default=None, description="The place of that app, of those that it registered.")


class ServiceSolved(Event, topic=ENGAGEMENTS, key="viewer_id"):
    """A viewer got done, in the mini-program, what the post was about. Nothing was sold."""

    viewer_id: Identifier
    post_id: Identifier
    program_id: Identifier


class AccountBindingAsked(Event, topic=ENGAGEMENTS, key="viewer_id"):
    """A viewer asks to order as a member of membership. Nothing holds before that member consents: see AccountBound.

    `binding_id` distinguishes this asking from a later one of the same viewer for the same member.
    """

    viewer_id: Identifier
    binding_id: Identifier
    member_id: Identifier


class AccountBindingEnded(Event, topic=ENGAGEMENTS, key="viewer_id"):
    """A viewer orders as a member no more, or takes back what was asked. Requests that are ahead of it on its topic hold."""

    viewer_id: Identifier
    binding_id: Identifier
    member_id: Identifier


class ServiceRequested(Event, topic=ENGAGEMENTS, key="viewer_id"):
    """A viewer asked, from a card, to join the light membership and have an order fulfilled on credit.

    Prices come from the released version of the mini-program, never from the viewer; `total` is the
    list price. The destination is coarse (see `Place.coarse`). `coupon_id` is one that the viewer holds,
    `slot_hold_id` the place in a slot of delivery that inventory holds for them. `member_id` is the member that the
    viewer was bound to when asking: nobody else pays for it.
    """

    viewer_id: Identifier
    order_id: Identifier
    post_id: Identifier
    program_id: Identifier
    merchant_id: Identifier
    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    total: Money
    destination: Place
    mode: AnyMode
    coupon_id: Identifier | None = None
    member_id: Identifier | None = None
    slot_hold_id: Identifier | None = None
    flagship_ok: bool = Field(default=False, description="The viewer agrees beforehand that the flagship may send it.")
    address_id: Identifier | None = Field(
        default=None, description="Under which id the vault of inventory has the exact address, when it has it."
    )
    sold_by: Identifier | None = Field(
        default=None,
        description="The location of the merchant whose staff led the member here: the sale is credited to it.",
    )
    touch: Touch | None = Field(default=None, description="The item of the feed that led to it, when it was served.")
    version: int | None = Field(default=None, ge=1, description="Which version of the mini-program had these prices.")
    provided: bool = Field(
        default=False, description="A service without goods: its merchant does it, no location sends anything."
    )
    offers_of: Identifier | None = Field(
        default=None,
        description="The program whose offers are sold, where the one of the card sells those of another: it is held to that one's grants, too.",
    )


class RequestCancelled(Event, topic=ENGAGEMENTS, key="viewer_id"):
    """A viewer changed their mind. May overtake, on its own topic, the order that it cancels."""

    viewer_id: Identifier
    order_id: Identifier


ReportedKind = Literal["impression", "open", "show_less"]
"""What a client reports of a post that was served: its viewer saw it, opened it, wants less of its kind."""

InteractionKind = Literal[ReportedKind, "click"]
"""What viewers do with what was served; `click` is published by the feed alone: a card that they tapped before is tapped again,
from another item."""


class Interaction(Value):
    """One thing that a viewer did with one item of one answer. It counts once, however often it is reported."""

    touch: Touch
    kind: Annotated[str, Open(InteractionKind)]


class InteractionsReported(Event, topic=INTERACTIONS, key="viewer_id"):
    """A viewer's client reports what was seen and done, in a batch. The feed has checked each touch: it signed them itself."""

    viewer_id: Identifier
    interactions: tuple[Interaction, ...] = Field(min_length=1, max_length=500)


class MemberExposed(Event, topic=EXPOSURES, key="member_id"):
    """A member saw for the first time a card where a plan is offered: with the offer, or without it when they are held out.

    `exposed_at` is when the item was served. No member is ever shown in which arm they are.
    """

    member_id: Identifier
    merchant_id: Identifier
    plan_id: Identifier
    held_out: bool
    exposed_at: Instant


class ActionAudited(AuditedAction, Event, topic=FEED_AUDIT, key="subject"):
    """The feed wrote a row of its audit: for systems outside of the suite."""
