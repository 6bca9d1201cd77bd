"""Names snapshots, finds them by their names, and sends them to the Hugging Face Hub."""
