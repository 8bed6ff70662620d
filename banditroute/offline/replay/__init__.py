"""A log or a world played again under a policy: exact outcomes, feedback as it would have come."""
