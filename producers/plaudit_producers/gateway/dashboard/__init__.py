"""The live dashboard at `/`: a page, and the figures as server-sent events."""
