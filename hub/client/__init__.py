"""The member side: verified manifests and figures; nothing is written or printed."""

from hub.client.bookmark import Bookmark
from hub.client.figures import latest, observations
from hub.client.manifests import vintages, wait_for
from hub.client.subscription import Release, Subscription

__all__ = [
    "Bookmark",
    "Release",
    "Subscription",
    "latest",
    "observations",
    "vintages",
    "wait_for",
]
