"""Feedback, doubted: what was said of an answer, by whom and when, and how much of it is believed."""
