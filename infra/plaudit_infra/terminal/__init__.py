"""What `plaudit top` and the demo show in a terminal."""
