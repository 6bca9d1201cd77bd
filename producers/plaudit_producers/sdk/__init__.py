"""The producers for chat products. Import them from `plaudit_producers`, not from here."""

from pathlib import Path

from plaudit_schemas.compiled import install

install(__name__.partition(".")[0], Path(__file__).parent.parent)
