"""Choosing under the configured mode: who serves, who is only logged beside, which parameters go along.

Experiments apply in mode `live` to requests that name neither policy nor model (`routing.experiments`).

The mode is the operator's: `live` lets the learner serve, `shadow` lets the baseline serve and logs
what the learner would have done, `canary:SHARE` gives the learner that share of the units, `off`
leaves the baseline alone. Guardrails bind the learner: under `shadow` they are in what is logged, and
what the baseline serves under `shadow` or `off` they leave as it is. A policy named by a request takes
the learner's place, and the mode still holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from msgspec import Struct, structs

from banditroute.config.settings import Settings
from banditroute.core.base import Policy
from banditroute.core.decide import Request, State, decide
from banditroute.core.eligibility import match_rule
from banditroute.errors import ConfigError, NoEligibleModel, RequestError
from banditroute.policies import get_policy
from banditroute.policies.experiments import LiveExperiment
from banditroute.routing.experiments import experiments_of
from banditroute.types import Context, Decision

CANARY = "canary"
"""The variant that the learner serves under a canary."""

_NAMES_A_FILE = re.compile(r"rules\s*:")
"""A rules file anywhere in a policy's name: the parts of a split are policies too, and white space before
a colon means nothing to those that read it."""

_NONE: Mapping[str, object] = {}

Route = str | LiveExperiment | None
"""What decides for a request: the policy that it names, the experiment that it takes part in, or else what is
configured."""


@dataclass(frozen=True, slots=True)
class Mode:
    """`[policy] mode`, read: its name, and the share of units a canary gives to the learner."""

    name: str
    share: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Mode:
        """Reads `live`, `shadow`, `off` or `canary:SHARE`."""
        name, _, share = text.partition(":")
        try:
            mode = cls(name, float(share) if name == "canary" else 1.0)
        except ValueError:
            mode = cls("", 0.0)
        if mode.name not in ("live", "shadow", "canary", "off") or not 0.0 <= mode.share <= 1.0:
            raise ConfigError(
                f"policy.mode is {text!r}; write live, shadow, off or canary:SHARE, as in canary:0.05."
            )
        return mode


class Draft(Struct, frozen=True):
    """A request that was read and waits to be decided: the core's part of it, and the shell's.

    `policy` is the one it named, if any; `texts` are what is kept beside the decision.
    """

    request: Request
    policy: str | None
    dry_run: bool
    ignored_features: tuple[str, ...]
    texts: Mapping[str, str]


class Chooser:
    """Decides for drafts, all of them by one state; holds the configured policies and no posterior."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.mode = Mode.parse(settings.policy.mode)
        self._baseline = get_policy(settings.policy.baseline, settings)
        self._class_params = {declared.name: declared.params for declared in settings.classes}
        self._any_params = any(self._class_params.values()) or any(rule.params for rule in settings.rules)
        self._policy = lru_cache(maxsize=256)(self._policy_for)
        self._policy(None)
        self.experiments = experiments_of(settings)

    def decide(self, state: State, drafts: Sequence[Draft]) -> list[Decision | NoEligibleModel]:
        """A decision for each draft, or the refusal of those that no model may serve."""
        if len(drafts) == 1:
            return [self._decide_one(state, drafts[0])]
        answers: dict[int, Decision | NoEligibleModel] = {}
        for route, rows in self._by_route(drafts).items():
            try:
                decided = self._decide(state, [drafts[row].request for row in rows], route)
            except NoEligibleModel:  # one of them; the others shall not suffer for it
                answers.update((row, self._decide_one(state, drafts[row])) for row in rows)
            else:
                answers.update(zip(rows, decided, strict=True))
        return [answers[row] for row in range(len(drafts))]

    def check(self, policy: str | None) -> None:
        """Refuses the name of a policy that cannot be had."""
        self._policy(policy)

    def _by_route(self, drafts: Sequence[Draft]) -> Mapping[Route, list[int]]:
        rows: dict[Route, list[int]] = {}
        for row, draft in enumerate(drafts):
            rows.setdefault(self._route(draft), []).append(row)
        return rows

    def _route(self, draft: Draft) -> Route:
        if self.experiments is None or draft.policy is not None:
            return draft.policy
        return self.experiments.of(draft.request)

    def _decide_one(self, state: State, draft: Draft) -> Decision | NoEligibleModel:
        try:
            return self._decide(state, [draft.request], self._route(draft))[0]
        except NoEligibleModel as refusal:
            return refusal

    def params(self, context: Context) -> Mapping[str, object]:
        """The configured call parameters of a request: its class's, and over them its rule's."""
        if not self._any_params:
            return _NONE
        params = self._class_params.get(context.request_class, _NONE)
        index = match_rule(self._settings.rules, context)
        return params if index is None else {**params, **self._settings.rules[index].params}

    def _decide(self, state: State, requests: list[Request], route: Route) -> list[Decision]:
        if self.experiments is not None and isinstance(route, LiveExperiment):
            return self.experiments.decide(state, requests, route)
        named = route if isinstance(route, str) else None
        learner = self._policy(named)
        if self.mode.name == "live":
            return decide(state, requests, learner, self._settings)
        if self.mode.name == "canary":
            decided = decide(state, requests, learner, self._settings)
            return [structs.replace(decision, policy=self._spoke(decision, named)) for decision in decided]
        served = decide(_unguarded(state), requests, self._baseline, self._settings)
        if self.mode.name == "off":
            return served
        shadows = decide(state, requests, learner, self._settings)
        return [
            structs.replace(one, shadow=_beside(other)) for one, other in zip(served, shadows, strict=True)
        ]

    def _spoke(self, decision: Decision, named: str | None) -> str:
        """The policy of the variant that a canary's request fell to."""
        configured = self._settings.policy
        return (named or configured.name) if decision.variant == CANARY else configured.baseline

    def _policy_for(self, named: str | None) -> Policy:
        """The policy that a spec names; None is the configured one, under a canary split by unit."""
        if named is not None and _NAMES_A_FILE.search(named):
            raise RequestError(
                "A request cannot name a rules file; set it as [policy] name in the configuration.",
                param="policy",
            )
        learner = named or self._settings.policy.name
        try:
            get_policy(learner, self._settings)
            return get_policy(self._under_mode(learner), self._settings)
        except ConfigError as error:
            if named is None:
                raise
            raise RequestError(f"The policy cannot be used: {error}", param="policy") from None

    def _under_mode(self, learner: str) -> str:
        if self.mode.name != "canary":
            return learner
        share, baseline = self.mode.share, self._settings.policy.baseline
        return f"split:{{{CANARY}: {learner} {share}, baseline: {baseline} {1.0 - share}}}"


def _unguarded(state: State) -> State:
    """The state without its promises: where the baseline serves by the operator's word, none touches it."""
    if state.watch.guards is None:
        return state
    return replace(state, watch=structs.replace(state.watch, guards=None))


def _beside(shadow: Decision) -> dict[str, object]:
    """What the learner would have done, as it is logged beside the baseline's decision."""
    return {
        "policy": shadow.policy,
        "model": shadow.model,
        "propensity": shadow.propensity,
        "pmf": {candidate.model: candidate.propensity for candidate in shadow.candidates},
        "utility": {candidate.model: candidate.utility for candidate in shadow.candidates},
        "sd": {candidate.model: candidate.sd for candidate in shadow.candidates},
        "parameters": dict(shadow.parameters),
        "excluded": {exclusion.model: exclusion.reason for exclusion in shadow.excluded},
    }
