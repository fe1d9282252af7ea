"""The member side: verified manifests and figures; nothing is written or printed."""

from hub.client.observations import latest, observations
from hub.client.vintages import vintages, wait_for

__all__ = ["latest", "observations", "vintages", "wait_for"]
