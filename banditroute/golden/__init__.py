"""The golden set: small tasks with one right answer that a model takes before it gets traffic."""
