"""What the long-running processes of this member share: the Faust app, their output, health and end."""
