"""Shows the figures to people: on a page of the console, and in `plaudit top`."""
