"""The policies within a policy: a split has variants, a rules file has what chooses among the models left."""

from __future__ import annotations

from collections.abc import Iterator

from banditroute.core.base import Policy
from banditroute.policies.rules import Rules
from banditroute.policies.split import Split


def every_part(policy: Policy) -> Iterator[Policy]:
    """The policy itself, and every one that it may hand a request to."""
    yield policy
    inner = [variant.policy for variant in policy.variants] if isinstance(policy, Split) else []
    for part in [*inner, policy.inner] if isinstance(policy, Rules) else inner:
        yield from every_part(part)
