"""The ministry side: sources, spool, publish, receipts."""
