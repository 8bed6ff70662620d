"""One model per request class, written down by hand: what most people route by today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from banditroute.config.checks import nearest
from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Policy, Slate
from banditroute.errors import ConfigError
from banditroute.policies.spec import braced, known_model
from banditroute.policies.static import choose_wanted
from banditroute.types import OTHER

DEFAULT = "*"
USAGE = "per_class:{code: MODEL, chat: MODEL, *: MODEL}, where * stands for every other class"


@dataclass(frozen=True, slots=True)
class PerClass:
    """The model of the request's class, else that of `*`, else the best prior."""

    name: str
    models: Mapping[str, str]
    prior_quality: float
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        default = self.models.get(DEFAULT)
        wanted = [self.models.get(context.request_class, default) for context in slate.contexts]
        return choose_wanted(slate.models, slate.eligible, wanted, self.prior_quality)


def build(argument: str, settings: Settings) -> Policy:
    """`per_class:{CLASS: MODEL, …, *: MODEL}`."""
    models = {name: known_model(model, settings) for name, model in braced(argument, USAGE)}
    declared = [own.name for own in settings.classes]
    unknown = [name for name in models if declared and name not in (*declared, OTHER, DEFAULT)]
    if unknown:
        listed = ", ".join(declared)
        raise ConfigError(
            f'There is no class "{unknown[0]}"; {nearest(unknown[0], declared)} The classes are: {listed}.'
        )
    return PerClass(f"per_class:{argument}", models, settings.policy.prior_quality)
