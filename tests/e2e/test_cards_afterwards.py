"""What becomes of a card after its post was published: across feed and registry, by events."""

from uuid_utils.compat import uuid7

from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite, call


async def test_a_card_resolves_when_its_program_appears_and_stays_off(
    target: Suite, scenarios: dict[str, Scenario]
) -> None:
    scenario, program = scenarios["a"], f"late-{uuid7().hex[-8:]}"
    feed, registry = target.urls["feed"], target.urls["registry"]
    posts = [f"{program}-{name}" for name in ("shown", "off")]
    for post_id in posts:
        post = {"author_id": "zheliban", "text": "新服务即将上线", "program_id": program, "post_id": post_id}
        await call(scenario.client, "POST", f"{feed}/v1/posts", json=post)
        await scenario.settled(f"/v1/posts/{post_id}", lambda found: found["card"]["reason"] == "unknown_program")
    removal = {"reason": "not_related"}
    await call(scenario.client, "POST", f"{feed}/v1/posts/{posts[1]}/card/removal", json=removal)
    manifest = {"title": f"晚到的服务 {program}", "page": "pages/late"}
    merchants = await call(scenario.client, "GET", f"{registry}/v1/programs/demo-watsons")
    late = {"program_id": program, "merchant_id": merchants["merchant_id"], "manifest": manifest}
    await call(scenario.client, "POST", f"{registry}/v1/programs/batch", json={"programs": [late]})

    await scenario.settled(f"/v1/posts/{posts[0]}", lambda found: found["card"]["state"] == "active")
    await scenario.settled(f"/v1/posts/{posts[1]}", lambda found: found["card"]["reason"] == "taken_off")
