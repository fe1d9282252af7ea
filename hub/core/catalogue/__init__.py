"""The declared catalogue: model, loader, checks, derived schemas."""
