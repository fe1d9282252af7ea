"""Disclosure control, applied by release only."""
