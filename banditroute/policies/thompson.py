"""Horizon Thompson: each model as often as it is likely to be the best one in the long run.

The sampling law is Gaussian by definition. Its probabilities are computed, not estimated
(`core.propensity`), so the logged propensity is the number the action was drawn with. The sds of
the slate are those of what the posterior mean could become within the lookahead: with little left
to gain, little is explored.
"""

from __future__ import annotations

from dataclasses import dataclass

from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Policy, Slate
from banditroute.policies.spec import no_argument


@dataclass(frozen=True, slots=True)
class Thompson:
    """Probability of being best, with a floor of uniform exploration mixed in."""

    floor: float = 0.0
    name: str = "thompson"
    learns: bool = True
    lookahead: float | None = 0.03

    def choose(self, slate: Slate) -> Choice:
        # Deferred: the compiled kernels take a moment to load, and most policies never need them.
        from banditroute.core.propensity import thompson_pmf

        pmf = thompson_pmf(slate.mean, slate.sd, slate.eligible, self.floor)
        return Choice(pmf, parameters={"floor": self.floor})


def build(argument: str, settings: Settings) -> Policy:
    """`thompson`; its floor is `[policy] floor`."""
    no_argument("thompson", argument)
    return Thompson(settings.policy.floor)
