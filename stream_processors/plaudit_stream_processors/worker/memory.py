"""How a worker's process holds its states: many small dicts that live long."""

import gc

from plaudit_schemas.compiled.huge_pages import use_huge_pages


def prepare_memory() -> None:
    """Take small objects from huge pages, and collect garbage rarely. Call it before states are loaded."""
    use_huge_pages()
    # States live long, and the objects of a batch are freed by their counts: a look for garbage finds little.
    # It comes after 200,000 more objects, and after ten million it goes over those that have stayed.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)
