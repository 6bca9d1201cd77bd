"""Review in other tools, and verdicts in files."""
