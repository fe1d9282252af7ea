"""The member side: verified manifests and figures; nothing is written or printed."""

from hub.client.figures import latest, observations
from hub.client.manifests import vintages, wait_for

__all__ = ["latest", "observations", "vintages", "wait_for"]
