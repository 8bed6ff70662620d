"""What bounds a choice: prices, promises, caps, trials, and which answers are sampled for a judge."""
