"""Paths and what answers them, one file an interface."""
