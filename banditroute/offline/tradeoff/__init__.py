"""`frontier`: quality against USD over the range of weights."""
