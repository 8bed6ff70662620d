"""The pages people look at: rendered here, refreshed in pieces by htmx; no build step, no internet."""
