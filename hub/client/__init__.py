"""The member side: read and verify indicators."""
