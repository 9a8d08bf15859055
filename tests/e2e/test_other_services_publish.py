"""A content system of somebody else publishes with lutong-client; its post gets a card like any other."""

import pytest

from lutong_chassis.auth import Principal
from lutong_client import AsyncHttpTransport, AsyncPublisher, PublishError
from lutong_console.roads import Walker
from lutong_console.targets import Suite
from lutong_contracts.feed import PostPublished
from lutong_local.stack import Stack


async def test_a_post_from_another_system_gets_its_card_and_its_copy_changes_nothing(
    stack: Stack, target: Suite, walkers: dict[str, Walker]
) -> None:
    walker = walkers["a"]
    token = stack.signer.token(Principal("cms", "operator"))
    publisher = AsyncPublisher("/partner/cms", AsyncHttpTransport(target.urls, token))
    name = f"cms-{walker.viewer}"
    post = PostPublished(post_id=name, author_id="zheliban", text="公积金新政策今天起施行")
    try:
        receipts = [await publisher.publish(post, id=name, correlation_id=name) for _ in range(2)]
        assert [receipt.status for receipt in receipts] == ["accepted", "duplicate"]
        await walker.settled(f"/v1/posts/{name}", lambda found: found["card"]["state"] == "active")

        with pytest.raises(PublishError) as refused:
            await publisher.publish(post.model_copy(update={"author_id": "nobody"}), id=f"{name}-2")
        assert refused.value.receipt
        assert (refused.value.receipt.code, refused.value.receipt.pointer) == ("not_found", "/data")
    finally:
        await publisher.transport.close()
