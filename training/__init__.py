"""Training: from a ledger to a promoted bundle, tracked in MLflow."""
