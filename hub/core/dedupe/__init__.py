"""Dedupe: which revision of a record counts, and which person it is.

- :mod:`~hub.core.dedupe.stage`: the stage; :mod:`~hub.core.dedupe.step`: one step;
- :mod:`~hub.core.dedupe.ledger`: records; :mod:`~hub.core.dedupe.register`: persons;
- :mod:`~hub.core.dedupe.changes`: facts going out; :mod:`~hub.core.dedupe.statements`:
  what ministries are told; :mod:`~hub.core.dedupe.recount`: the audit's way.
"""

from __future__ import annotations

from hub.core.dedupe.flows import Flow, flows, rules_of
from hub.core.dedupe.recount import active_facts
from hub.core.dedupe.stage import Dedupe

__all__ = ["Dedupe", "Flow", "active_facts", "flows", "rules_of"]
