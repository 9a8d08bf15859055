"""The suite's own events: other tests may have put toys into the catalogue of this process."""

import lutong_contracts
from lutong_contracts import Event


def event_types() -> dict[str, type[Event]]:
    """By type, the events of the four services."""
    everything = lutong_contracts.event_types()
    return {name: event for name, event in everything.items() if event.__module__.startswith("lutong_contracts.")}
