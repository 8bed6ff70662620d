"""Models behind the router: providers that are asked over HTTP, and a simulated world with known truth."""
