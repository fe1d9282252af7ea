"""Dedupe: which record counts, and which person it is."""
