"""Models behind the router: so far a simulated world with known truth."""
