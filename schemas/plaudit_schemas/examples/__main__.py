"""`make examples`: brings the examples up to date after a schema was released.

Adds new fields with their defaults to the `.json` files, and writes the `.hex` files anew.
"""

import json
import sys
from pathlib import Path
from typing import get_args

from plaudit_schemas.codec.catalog import SchemaName
from plaudit_schemas.codec.wire import Decoder, Encoder

_FOLDER = Path(__file__).parent


def main() -> int:
    """Encode every example with the newest packaged id of its schema."""
    for name in get_args(SchemaName):
        path = _FOLDER / f"{name}.json"
        documents = json.loads(path.read_text(encoding="utf-8"))
        encoder, decoder = Encoder(name), Decoder(name)
        payloads = [encoder.encode(document["record"]) for document in documents]
        for document, payload in zip(documents, payloads, strict=True):
            document["record"] = decoder.decode(payload)
        path.write_text(json.dumps(documents, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".hex").write_text("".join(f"{one.hex()}\n" for one in payloads), encoding="ascii")
        print(f"{name}: {len(payloads)} examples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
