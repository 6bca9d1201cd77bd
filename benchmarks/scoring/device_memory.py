"""Prints the MiB of CUDA memory that a model takes: loaded, after short texts, and after a long batch."""

import sys
from pathlib import Path

from plaudit_schemas.models.model import open_model
from plaudit_schemas.models.runtime_settings import RuntimeSettings


def used() -> int:
    """MiB in use on the device."""
    import torch  # noqa: PLC0415

    free, total = torch.cuda.mem_get_info()
    return int((total - free) >> 20)


def main() -> None:
    before = used()
    settings = RuntimeSettings.model_validate({"onnx_provider": "cuda", "onnx_arena": sys.argv[2]})
    model = open_model(Path(sys.argv[1]), settings)
    loaded = used() - before
    for _ in range(20):
        model.score(["a short text"] * 8)
    short = used() - before
    model.score(["words " * 250] * 256)
    print(f"loaded {loaded} MiB, after short texts {short}, after 256 long ones {used() - before}")


if __name__ == "__main__":
    main()
