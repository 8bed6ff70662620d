"""Worlds whose truth is known: fitted to a log or written down, and scenarios that are played in them."""
