"""What an audit leaves behind."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hub.core.messages import Close
from hub.trials.audit import Audit, write_cells


def test_true_cells_are_for_their_owner_only(tmp_path: Path) -> None:
    """Unprotected counts are written where nobody else can read them."""
    path = tmp_path / "cells.jsonl"
    path.write_text("older")
    path.chmod(0o644)
    close = Close(
        marker=bytes(16),
        vintage="P",
        tables=(),
        period="2025",
        created_ms=0,
        key_id="control-1",
    )
    cells = pl.DataFrame({"table": ["XNG_EVT"], "n": [3]})
    audited = Audit(
        close=close,
        flows=(),
        unique=0,
        cells=1,
        different=cells.clear(),
        recounted=cells,
    )

    write_cells(audited, path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == '{"table":"XNG_EVT","n":3}\n'
