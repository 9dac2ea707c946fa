"""Features: one declared number about an event, computed from what was known strictly before it."""
