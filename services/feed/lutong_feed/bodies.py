"""What the feed's commands take."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from lutong_chassis import Command
from lutong_contracts.feed import REST_MAX, PostAudience
from lutong_contracts.gray import Word
from lutong_contracts.hosts import PLATFORM_MAX
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
    audience: PostAudience = Field(
        "everybody", description="who sees it: everybody, those who follow its author, or the author alone"
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
    host: Identifier | None = Field(default=None, description="the app that the post was read in")
    platform: int = Field(default=0, ge=0, le=PLATFORM_MAX, description="which version of its platform that app has")


class Tap(Looker):
    """Who opens a card, and from which item of the feed."""

    touch: Echo | None = Field(default=None, description="the item's `touch`, as it was served")
    scene: Identifier | None = Field(default=None, description="the place of the host that it was opened from")


class Removal(Command):
    """Why a card goes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "not_related"}]})

    reason: Reason = Field(examples=["not_related"])


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
