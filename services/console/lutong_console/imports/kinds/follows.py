"""follows: who reads whom."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from lutong_console.imports.rows import Kind, Request, Row
from lutong_contracts.values import Identifier


class FollowRow(Row):
    """One account reads another."""

    follower_id: Identifier = Field(examples=["reader-1"])
    followee_id: Identifier = Field(examples=["watsons-official"])


def request(rows: Sequence[FollowRow]) -> Request:
    """Let accounts follow."""
    return Request("POST", "/v1/follows/batch", {"follows": [row.model_dump() for row in rows]})


FOLLOWS: Final = Kind("follows", FollowRow, "feed", ("follower_id", "followee_id"), request)
