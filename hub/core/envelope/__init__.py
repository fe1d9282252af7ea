"""Envelope v1: format, recipients, seal; see docs/envelope-v1.md."""
