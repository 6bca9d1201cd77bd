"""How a worker's process holds its states: many small dicts that live long."""

import gc

from plaudit_schemas.compiled.huge_pages import use_huge_pages


def prepare_memory() -> None:
    """Take small objects from huge pages, and collect garbage rarely. Call it before states are loaded."""
    use_huge_pages()
    # Full collections would visit all states and free little.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)
