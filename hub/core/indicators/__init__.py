"""Facts to cells: pure batch functions; see docs/data-path.md, "Aggregate"."""
