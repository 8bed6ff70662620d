"""`evaluate`: what other policies would have earned on logged decisions, with honest intervals."""
