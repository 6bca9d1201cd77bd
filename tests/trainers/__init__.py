"""`make trainers`: TRL's trainers run on snapshots as they are."""
