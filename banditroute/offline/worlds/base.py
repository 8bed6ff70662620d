"""What a world is: it draws as many requests as are wanted, and says what is true of every model."""

from __future__ import annotations

from typing import Protocol

from banditroute.offline.logs.reading import Floats, Log
from banditroute.types import Model
from banditroute.upstream.simulated import Truth


class World(Protocol):
    """Traffic without end. Whatever is drawn is a function of (seed, request, model) alone, so that
    every policy meets the same luck, and one model more changes nothing for the others."""

    @property
    def models(self) -> tuple[Model, ...]: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def shares(self) -> Floats:
        """Share `(c,)` of each class in the traffic."""
        ...

    def draw(self, n: int, seed: int, mix: Floats | None = None) -> Log:
        """The first n requests with the outcome of every model: full information.

        `mix` `(n, c)` gives each request its own shares of the classes.
        """
        ...

    def truth(self) -> Truth:
        """What is expected of every model in every class, exactly."""
        ...

    def with_model(self, model: Model, like: str) -> World:
        """The same world with one model more, which does as `like` does, with luck of its own."""
        ...
