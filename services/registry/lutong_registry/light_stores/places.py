"""A light store is where its location is: one that is closed or paused has its store taken off, and brought back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lutong_chassis import Tx
from lutong_contracts import Event
from lutong_contracts.registry import ProgramResumed, ProgramSuspended
from lutong_registry.light_stores.store import stores as light_store
from lutong_registry.light_stores.store.stores import LightStore, PlaceKey
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import Program

REASONS: Final[Mapping[str, str]] = {"closed": "location_closed", "paused": "location_paused"}
"""By the state of a location, why its light store is suspended. Any other state brings it back."""


async def follow(tx: Tx, keys: Iterable[PlaceKey]) -> list[Event]:
    """Let the light stores of locations be where their locations are; gives what to publish, by the order of their ids."""
    stores = await light_store.lock_stores_at(tx, keys)
    if not stores:
        return []
    places = await light_store.places(tx, (PlaceKey(store.merchant_id, store.store_id) for store in stores))
    return await taken_off(
        tx, stores, places, await program_store.lock_programs(tx, (store.program_id for store in stores))
    )


async def taken_off(
    tx: Tx, stores: Sequence[LightStore], places: Mapping[PlaceKey, str], programs: Mapping[str, Program]
) -> list[Event]:
    """Suspend and resume programs as their locations are. What was suspended for another reason stays so."""
    events: list[Event] = []
    for store in stores:
        state = places.get(PlaceKey(store.merchant_id, store.store_id), "")
        wanted, now = REASONS.get(state), programs[store.program_id].suspended_for
        if wanted == now or (now is not None and now not in REASONS.values()):
            continue
        await program_store.save_suspension(tx, store.program_id, wanted)
        if wanted is None:
            events.append(ProgramResumed(program_id=store.program_id))
        else:
            events.append(ProgramSuspended(program_id=store.program_id, reason=wanted))
    return events
