"""The demo: the real service as a real process, a simulated world, and the bill at the end."""
