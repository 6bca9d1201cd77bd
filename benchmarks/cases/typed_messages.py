"""What typed objects in place of the dicts of messages would bring (docs/decisions/0092)."""

import subprocess
import sys
import tempfile
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import orjson

from benchmarks.report import Row, row

_MESSAGES = 200_000
_TEXT = "The train to the coast stops at the old harbour on Sundays, but not in winter. " * 4


def run(repetitions: int) -> list[Row]:
    """Microseconds of processor time a message, of each way. They take turns."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = _compiled(Path(folder))
        taken: dict[str, list[float]] = {}
        for _ in range(repetitions):
            for way in ("dicts", "objects"):
                fold, write = getattr(compiled, f"fold_{way}"), getattr(compiled, f"write_{way}")
                ids = [f"m{number:08d}" for number in range(_MESSAGES)]
                began = time.process_time()
                messages, _ = fold(ids, _TEXT, "e" * 36, ["shop", "model", "1"])
                folded = time.process_time()
                write(messages, orjson.dumps)
                written = time.process_time()
                taken.setdefault(f"{way}: read and folded", []).append(folded - began)
                taken.setdefault(f"{way}: written as JSON", []).append(written - folded)
                taken.setdefault(f"{way}: both", []).append(written - began)
            began = time.process_time()
            compiled.copy_texts(_TEXT.encode(), _MESSAGES, orjson.dumps)
            spent = time.process_time() - began
            taken.setdefault(f"a text of {len(_TEXT)} bytes: read and written", []).append(spent)
    return [
        row(case, "us/message", [seconds / _MESSAGES * 1e6 for seconds in measured])
        for case, measured in taken.items()
    ]


def _compiled(folder: Path) -> ModuleType:
    """The module, compiled in a folder."""
    source = folder / "typed_message.pyx"
    source.write_bytes(Path(__file__).with_name("typed_message.pyx").read_bytes())
    command = [sys.executable, "-m", "Cython.Build.Cythonize", "--inplace", "--quiet", str(source)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    built = next(folder.glob("typed_message.*.so"))
    spec = spec_from_file_location("typed_message", built)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{built} cannot be imported")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
