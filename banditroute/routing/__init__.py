"""The pieces the router is made of: fields, refusals, choosing under a mode, following the log."""
