"""Adapters: one file a source format."""
