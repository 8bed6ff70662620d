"""The LLM judge: an instrument that scores answers by a rubric, and the worker that hands them to it."""
