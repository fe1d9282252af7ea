"""Names and person keys."""
