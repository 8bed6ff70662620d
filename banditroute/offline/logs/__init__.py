"""Logs of past requests: reading, checking, converting, exporting."""
