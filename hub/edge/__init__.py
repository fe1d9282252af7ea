"""Effects: each file owns one outside thing."""
