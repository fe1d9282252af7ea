"""Sample data, chaos and bench: driven by tests and by the command."""
