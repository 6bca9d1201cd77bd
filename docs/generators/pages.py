"""The pages of the site that are no files of `docs/`."""

from docs.generators import alerts, columns, commands, errors, events, metrics, settings, topics

REFERENCE = {
    "reference/alerts.md": alerts.render,
    "reference/columns.md": columns.render,
    "reference/commands.md": commands.render,
    "reference/errors.md": errors.render,
    "reference/events.md": events.render,
    "reference/metrics.md": metrics.render,
    "reference/settings.md": settings.render,
    "reference/topics.md": topics.render,
}
"""Page -> what makes it from the code."""

MOVED = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
}
"""Document of the repository -> its page."""
