"""The money of a collection: what is spent and what is promised stay within the cap together, always."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from banditroute.errors import BanditrouteError


class NoRoom(BanditrouteError):
    """A call could cost more than is left under the cap."""

    code = "cap_reached"


@dataclass(slots=True)
class Purse:
    """USD of a collection, from its first start on: the `cap`, what is `spent`, and what is `promised` to
    cells under way, by their keys."""

    cap: float
    spent: float = 0.0
    promised: dict[str, float] = field(default_factory=dict)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    def has(self, usd: float) -> bool:
        """Whether that much can be promised now."""
        return self.spent + sum(self.promised.values()) + usd <= self.cap

    async def admit(self, wanted: Mapping[str, float]) -> bool:
        """Promises money to cells, if need be after others have ended. False where it does not fit."""
        while not self.has(sum(wanted.values())):
            if not self.promised:
                return False
            self._freed.clear()
            await self._freed.wait()
        self.promised |= wanted
        return True

    def take(self, key: str, usd: float) -> None:
        """Promises a cell that much more. Raises NoRoom."""
        if not self.has(usd):
            raise NoRoom(f"What is left of {self.cap:g} USD is promised to other calls.")
        self.promised[key] += usd

    def settle(self, key: str, spent: float) -> None:
        """Ends a promise: what of it was spent."""
        del self.promised[key]
        self.spent += spent
        self._freed.set()
