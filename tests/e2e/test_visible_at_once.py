"""What is approved is found and shown, and what is taken back, suspended or forbidden is not: in the search at once, on cards by events."""

from typing import Any

from uuid_utils.compat import uuid7

from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite, call


async def test_a_service_comes_and_goes_with_its_versions(target: Suite, scenarios: dict[str, Scenario]) -> None:
    scenario, program = scenarios["a"], f"tea-{uuid7().hex[-8:]}"
    registry = target.urls["registry"]

    async def ask(path: str, method: str = "POST", **body: object) -> Any:  # noqa: ANN401  # JSON
        why = {"lutong-reason": "asked for by a test"}
        return await call(scenario.client, method, f"{registry}/v1/programs/{program}{path}", json=body, headers=why)

    async def hand_in(number: int, *verbs: str) -> None:
        manifest = {"title": f"茶馆 {program}", "page": f"pages/v{number}"}
        await ask("/versions", version=number, manifest=manifest)
        for verb in verbs:
            await ask(f"/versions/{number}/{verb}")

    async def found() -> list[int]:
        """The versions that the search answers with: no waiting, it is the transaction of the command."""
        hits = await call(scenario.client, "GET", f"{registry}/v1/search", params={"q": f"茶馆 {program}"})
        return [hit["version"] for hit in hits if hit["program_id"] == program]

    async def is_shown(state: str, version: int | None = None) -> None:
        def shown(post: dict[str, Any]) -> bool:
            return bool(post["card"]["state"] == state and version in {None, post["card"]["version"]})

        await scenario.settled(f"/v1/posts/{program}", shown)

    merchant = (await call(scenario.client, "GET", f"{registry}/v1/programs/demo-watsons"))["merchant_id"]
    await ask("", "PUT", merchant_id=merchant)
    post = {"author_id": "zheliban", "text": "新店", "program_id": program, "post_id": program}
    await call(scenario.client, "POST", f"{target.urls['feed']}/v1/posts", json=post)
    await hand_in(1, "admission", "release")
    await is_shown("active", 1)
    assert await found() == []
    await ask("/versions/1/approval")
    assert await found() == [1]
    await hand_in(2, "approval", "release")
    assert await found() == [2]
    await is_shown("active", 2)
    await ask("/versions/2/rollback", reason="wrong_prices")
    assert await found() == [1]
    await is_shown("active", 1)
    await ask("/suspension", reason="complaints")
    assert await found() == []
    await is_shown("unavailable")
    await ask("/suspension", "DELETE")
    assert await found() == [1]
    await is_shown("active", 1)
    await ask("/versions/1/offline", reason="false_promises")
    assert await found() == []
    await is_shown("unavailable")
