"""The pure core: rules without effects; see docs/data-path.md."""
