"""Four Faust apps: intake, dedupe, aggregate, release."""
