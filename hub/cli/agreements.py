"""What doctor looks for in agreements with members (docs/production.md).

Rules:

- An agreement that ends is told a month before; one that has ended is told until it is
  renewed or the member is out. Nothing is cut off by a clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from hub.cli.findings import Finding
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError
from hub.edge import passes
from hub.edge.settings import Home

DAYS_MIN = 30


def of_agreements(
    home: Home, catalogue: Catalogue, today: dt.date
) -> Iterator[Finding]:
    """Agreements that have ended, or will within a month."""
    try:
        out = passes.revoked(home).members
    except HubError:
        return  # a finding of its own
    for member in catalogue.members.values():
        if member.agreement is None or member.id in out:
            continue
        left = (member.agreement.until - today).days
        renew = f"kerwen onboard {'ministry' if member.provides else 'member'}"
        if left < 0:
            yield Finding(
                what="agreement ended",
                cause=f"that with {member.id} ended on {member.agreement.until}",
                command=f"kerwen offboard --member {member.id} --reason TEXT",
            )
        elif left < DAYS_MIN:
            yield Finding(
                what="agreement ends",
                cause=f"that with {member.id} ends on {member.agreement.until}",
                command=f"{renew} --agreement FILE",
            )
