"""The documentation: pages, and the code that makes more of them."""
