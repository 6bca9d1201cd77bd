"""`make label-studio`: the tests with a real Label Studio. Exits with pytest's code, or 2 without room."""

import subprocess
import sys

from tests.label_studio.environment import PROJECT, install, missing_space
from tests.support.services import ROOT


def main() -> int:
    """LABEL_STUDIO_ENV comes from the environment."""
    problem = missing_space()
    if problem:
        print(problem, file=sys.stderr)
        return 2
    install()
    command = [sys.executable, "-m", "pytest", "-q", "--slow", str(PROJECT)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
