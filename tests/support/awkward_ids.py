"""Ids of conversations that a careless key would take for each other."""

A_ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
AWKWARD_IDS = [
    "user:7", "user:7:thread:2", "user:7:thread", "user:70", "user", "user:", ":user:7", "7", ":7", ":",
    "user:7:", "user:7\n", "\n", "\u0000",
    f"user:7:{A_ULID}", f"plaudit:user:7:{A_ULID}", f"user:7:{A_ULID}:", "plaudit", "plaudit:user:7",
    "user%3A7", "user%", "%", "%25", "user|7", "user 7", " user:7", "user:7 ", " ", "shop/user:7", "/",
    "null", 'user:7","', '"', "user:7\\", "\u00e9", "e\u0301", "USER:7",
    "\U0001f600", "\U0001f600\U0001f600", "\U0001f600:7", "\U0001f468\u200d\U0001f469", "\U0001f468",
    "x" * 128, "x" * 127, "\U0001f600" * 128, "\U0001f600" * 127, "__proto__", "length", "0",
]  # fmt: skip
assert len(set(AWKWARD_IDS)) == len(AWKWARD_IDS)
