"""Records, deployments and migrations, in the transaction of the ledger."""
