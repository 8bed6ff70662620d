"""Making a log where there is none: prompts × models × judge, within a cap on what it costs."""
