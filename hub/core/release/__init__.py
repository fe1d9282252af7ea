"""From complete snapshots to signed vintages."""
