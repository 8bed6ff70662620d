"""What the figures mean to those who pay: what routing saved, and what it would cost."""
