"""The producers for chat products. Import them from `plaudit_producers`, not from here."""
