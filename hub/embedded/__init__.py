"""Kafka in a box: broker, development PKI, supervisor."""
