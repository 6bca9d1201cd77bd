"""The regression guard: our hot paths beside bare peers, in shares of what was recorded."""
