"""`fit`: priors from what is already known."""
