"""The members' gateway: indicators over HTTP, from a store built out of the topics."""
