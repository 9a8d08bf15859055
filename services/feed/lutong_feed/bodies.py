"""What the feed's commands take, and what its queries give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import Command
from lutong_contracts.feed import REST_MAX
from lutong_contracts.gray import Word
from lutong_contracts.touches import Echo
from lutong_contracts.values import Identifier, Mode, Place, Reason, Text, Title, Visible


class Account(Command):
    """Who posts and reads."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "浙里办", "kind": "enterprise"}]})

    name: Title = Field(examples=["浙里办"])
    kind: Literal["personal", "enterprise"] | None = Field(
        None, description="absent: as it is, or else personal; staff alone changes it"
    )
    merchant_id: Identifier | None = Field(
        None, description="the merchant it speaks for; absent: as it is; null: none any more; staff alone changes it"
    )
    program_ids: list[Identifier] | None = Field(
        None, max_length=100, description="mini-programs bound to it; absent: as they are; staff alone changes them"
    )


class NamedAccount(Account):
    """An account with its id."""

    account_id: Identifier


class Accounts(Command):
    """Several accounts at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"accounts": [{"account_id": "zheliban", "name": "浙里办", "kind": "enterprise"}]}]
        }
    )

    accounts: list[NamedAccount] = Field(min_length=1, max_length=1000)


class Follow(Command):
    """One account reads another."""

    follower_id: Identifier
    followee_id: Identifier


class Follows(Command):
    """Several follows at once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"follows": [{"follower_id": "reader-1", "followee_id": "zheliban"}]}]}
    )

    follows: list[Follow] = Field(min_length=1, max_length=1000)


PostText = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=2000 + REST_MAX),
    Visible,
    Field(
        description="2,000 characters at most, as readers count them, in any script",
        examples=["公积金新政策今天起施行，提取更方便"],
    ),
]
"""The text of a post."""


class NewPost(Command):
    """A post. Name the mini-program, or let the words find one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"author_id": "zheliban", "text": "公积金新政策今天起施行"}]}
    )

    author_id: Identifier = Field(examples=["zheliban"])
    text: PostText
    program_id: Identifier | None = None
    card: Literal["auto", "none"] = Field("auto", description="none: no card, whatever the words ask for")
    post_id: Identifier | None = Field(default=None, description="the author's own id for it, if any")
    parent_id: Identifier | None = Field(
        default=None, description="the post that this one reposts: it shows the card of the root"
    )
    quote_id: Identifier | None = Field(
        default=None, description="the post that this one shows below its own words, with a card of its own"
    )


class NewPosts(Command):
    """Several posts at once, each with its own journey."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"posts": [{"author_id": "watsons", "text": "面膜补货了", "program_id": "demo-watsons"}]}]
        }
    )

    posts: list[NewPost] = Field(min_length=1, max_length=200)


class Viewer(Command):
    """Who does it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"viewer_id": "reader-1"}]})

    viewer_id: Identifier


class Looker(Viewer):
    """Who does it, and where: as in the query of what was shown to them."""

    region: Word | None = Field(default=None, description="the `region` that the post was read with")
    device: Word | None = Field(default=None, description="the `device` that the post was read with")


class Tap(Looker):
    """Who opens a card, and from which item of the feed."""

    touch: Echo | None = Field(default=None, description="the item's `touch`, as it was served")


class Removal(Command):
    """Why a card goes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "not_related"}]})

    reason: Reason = Field(examples=["not_related"])


class RemovalView(BaseModel):
    """Who took a card off, and why: the first who did."""

    post_id: str
    by: str
    reason: str


class WantedLine(Command):
    """What is wanted, and how much of it."""

    sku: Identifier
    units: int = Field(ge=1, le=10_000)


class Destination(Place):
    """Where it is brought, as strict as the rest of a command."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewRequest(Looker):
    """Join the light membership on credit and have this brought."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "viewer_id": "reader-1",
                    "lines": [{"sku": "mask", "units": 2}],
                    "destination": {"latitude": 31.23, "longitude": 121.47},
                }
            ]
        }
    )

    lines: list[WantedLine] = Field(min_length=1, max_length=200)
    destination: Destination = Field(examples=[{"latitude": 31.23, "longitude": 121.47}])
    mode: Mode = "delivery"
    coupon_id: Identifier | None = Field(default=None, description="a coupon that the viewer holds")
    slot_hold_id: Identifier | None = Field(
        default=None, description="a place in a slot of delivery that is held for the viewer (POST /v1/slots/…/holds)"
    )
    flagship_ok: bool = Field(
        default=False, description="if the store cannot deliver after all, the flagship may, without asking"
    )
    address_id: Identifier | None = Field(
        default=None, description="an address of the member who pays (POST /v1/members/…/addresses)"
    )
    sold_by: Identifier | None = Field(
        default=None,
        description="the location of the merchant whose staff led the viewer here: the sale is credited to it",
    )
    touch: Echo | None = Field(default=None, description="the `touch` of the item that led here, as it was served")
    expected_total_minor: int | None = Field(
        default=None, ge=1, le=10**12, description="the total that the viewer was shown; another one is refused"
    )


class TextView(BaseModel):
    """A sentence in two languages."""

    en: str
    zh: str


class MembershipView(BaseModel):
    """What this viewer pays with the merchant's plan: `offered`, or `joined` when they have it. `amount_minor` is with it, that of the card without."""

    state: str
    plan_id: str
    title: str
    discount_percent: int
    amount_minor: int
    text: TextView


class LiveView(BaseModel):
    """What of a card's goods is where now: of its first offer that can be had, how much (`band`), from where, how far.

    `state`: live; degraded, for `reason`, with what there is instead (`fallback`: flagship or none); or unknown. `text` states it. The price is that of
    the version that this viewer sees. `location_id` needs no place of the viewer where goods are sent; stores do (header `lutong-place`).
    """

    state: str
    merchant_id: str
    sku: str
    title: str
    amount_minor: int
    currency: str
    band: str | None
    location_id: str | None
    location_kind: str | None
    distance_m: int | None
    modes: list[str]
    reason: str | None
    fallback: str | None
    until: datetime | None
    text: TextView
    membership: MembershipView | None = None


class CardView(BaseModel):
    """What a reader sees below a post. `reason` is why it cannot be tapped; `live` what of its goods is where now, if it sells any."""

    state: str
    program_id: str | None
    title: str | None
    page: str | None
    version: int | None
    reason: str | None
    live: LiveView | None = None


class RepostView(BaseModel):
    """Where a repost hangs: what it reposts, and the root, whose card it shows. `root_deleted`: it was, its text is empty."""

    parent_id: str
    root_id: str
    depth: int
    root_author_id: str
    root_author_name: str
    root_text: str
    root_deleted: bool = False


class QuoteView(BaseModel):
    """What a post quotes. `deleted`: it was, its text is empty."""

    post_id: str
    author_id: str
    author_name: str
    text: str
    deleted: bool


class SpanView(BaseModel):
    """A part of a text: an account that it mentions (@name) or a topic (#…#). `start` and `end` count code points of `text`.

    `word` is the name without its signs: `GET /v1/mentions/{word}` has the account.
    """

    kind: Literal["mention", "topic"]
    start: int
    end: int
    word: str


class PostView(BaseModel):
    """A post with its card, and what viewers did with it.

    `text` is as it was written, without what turns the direction of other texts or controls a terminal.

    `touch` is this item of this answer, signed for the viewer who asks: send it back with what they do. Null for all others.
    """

    post_id: str
    author_id: str
    author_name: str
    text: str
    spans: list[SpanView] = []
    published_at: datetime
    revision: int = 1
    revised_at: datetime | None = None
    card: CardView
    counters: dict[str, int]
    repost: RepostView | None = None
    quote: QuoteView | None = None
    touch: str | None = None


class AccountView(BaseModel):
    """Who posts: its kind, its mini-programs, and whether the reader who asks follows it (null: nobody asks)."""

    account_id: str
    name: str
    kind: str
    merchant_id: str | None
    program_ids: list[str]
    followed: bool | None


class Timeline(BaseModel):
    """A page of posts, newest first; `next_cursor` leads to the next one and is null on the last.

    `request_id` is this answer's own: it is in the touch of each item.
    """

    request_id: str
    posts: list[PostView]
    next_cursor: str | None


class RequestView(BaseModel):
    """A request, and how far it is."""

    order_id: str
    post_id: str
    status: str
    reason: str | None
    location_id: str | None
    location_kind: str | None
    total_minor: int
    currency: str
