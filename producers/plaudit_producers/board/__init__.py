"""What the dashboard, `plaudit top` and the demo show: the latest figures, their past, and the alerts."""
