"""Chaos: the whole hub on real Kafka while things are killed, and who counts after."""
