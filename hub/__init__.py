"""Kerwen: an inter-agency exchange hub for migration indicators."""
