"""`plaudit generate`: asks models for sibling answers to prompts, so that people can compare them."""
