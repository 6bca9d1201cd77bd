"""The producers for chat products: checks, ids, redaction, delivery. Its door is `plaudit_producers`."""
