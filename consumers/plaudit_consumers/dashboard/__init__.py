"""The figures as people see them: a page of the console, and `plaudit top`."""
