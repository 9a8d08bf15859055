"""Who follows life accounts, and how their pushes reach them: a chunk of followers per event, one after the other."""

from collections.abc import Mapping, Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts import Event
from lutong_contracts.feed import AccountFollowed, AccountUnfollowed
from lutong_contracts.life_accounts import FOLLOWERS_MAX, PushChunkDue, PushDelivered
from lutong_registry.life_accounts import commands, domain, followers, store
from lutong_registry.life_accounts.commands import ended, places
from lutong_registry.life_accounts.domain import Push
from lutong_registry.life_accounts.followers import Follower
from lutong_registry.life_accounts.store import Reaching
from lutong_registry.programs import store as program_store

handlers = Handlers()
handlers.include(commands.handlers)


@handlers.on(AccountFollowed)
async def keep_followers(batch: Sequence[Received[AccountFollowed]], tx: Tx) -> list[Outgoing]:
    """An account follows an enterprise account."""
    await followers.add(tx, [Follower(r.event.followee_id, r.event.follower_id, r.time) for r in batch])
    return []


@handlers.on(AccountUnfollowed)
async def forget_followers(batch: Sequence[Received[AccountUnfollowed]], tx: Tx) -> list[Outgoing]:
    """An account follows an enterprise account no more: a push on its way does not reach it."""
    await followers.drop(tx, [Follower(r.event.followee_id, r.event.follower_id, r.time) for r in batch])
    return []


@handlers.on(PushChunkDue)
async def send_chunks(batch: Sequence[Received[PushChunkDue]], tx: Tx) -> list[Outgoing]:
    """The next followers get their pushes; a chunk that is asked for twice is sent once, and none after the end of its push."""
    known = await store.pushes(tx, (r.event.push_id for r in batch), lock=True)
    due = {r.event.push_id: r for r in batch if _is_due(r.event, known)}
    programs = await program_store.read_programs(tx, None, [known[key].program_id for key in due])
    begun = {key: domain.begun(known[key], programs.get(known[key].program_id), tx.now) for key in due}
    sending = [Reaching(each.push_id, each.account_id, each.reached) for each in begun.values() if not each.ended_at]
    following = await store.next_followers(tx, sending, FOLLOWERS_MAX)
    after = {
        key: domain.after_chunk(each, following.get(key, ()), FOLLOWERS_MAX, programs.get(each.program_id), tx.now)
        for key, each in begun.items()
    }
    await store.save_pushes(tx, list(after.values()))
    policies = await store.policies(tx)
    freed = [each for each in after.values() if each.state == "cancelled"]
    await store.free_places(tx, [place for push in freed for place in places(push, policies)])
    return [
        due[key].causes(event)
        for key, push in after.items()
        for event in _events(known[key], push, following.get(key, ()))
    ]


def _is_due(event: PushChunkDue, known: Mapping[str, Push]) -> bool:
    push = known.get(event.push_id)
    return push is not None and push.state in {"quota_reserved", "sending"} and push.reached == event.after


def _events(before: Push, push: Push, reached: Sequence[str]) -> list[Event]:
    events: list[Event] = []
    if push.delivered > before.delivered:
        names = {"push_id": push.push_id, "account_id": push.account_id, "program_id": push.program_id}
        events.append(PushDelivered(**names, title=push.title, text=push.body, follower_ids=tuple(reached)))
    events.append(PushChunkDue(push_id=push.push_id, after=push.reached) if push.state == "sending" else ended(push))
    return events
