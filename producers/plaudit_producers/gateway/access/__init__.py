"""Who the caller is, what it may do, and how often."""
