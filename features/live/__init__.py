"""Live: one event's vector from stored histories, bit for bit what batch computes."""
