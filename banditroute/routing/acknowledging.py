"""Acknowledgements: what people have seen to reaches the state by the times at which they did, whenever it is
heard of, so a rebuild knows the same."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from banditroute.core.state import State
from banditroute.store.base import Store


def seen_to(state: State, store: Store) -> State:
    """The state under every acknowledgement in the store, from which on a broken class is routed again."""
    guards = state.watch.guards
    if guards is None:
        return state
    events = store.controls.after(0, "acknowledge")
    now = guards.seen_to((event.subject, event.at) for event in events)
    return state if now is guards else replace(state, watch=structs.replace(state.watch, guards=now))
