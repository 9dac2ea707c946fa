"""Where events live: the append-only ledger and the per-key history the live path reads."""
