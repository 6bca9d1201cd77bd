"""The number of files and sockets that a process may open."""

import logging
import sys

log = logging.getLogger("plaudit.service")


def raise_file_limit(needed: int) -> int:
    """Raise the process's limit of open files to `needed`, as far as it may, and return what it is then.

    A server that has no file left for a connection cannot answer its health either.
    """
    if sys.platform == "win32":
        return needed
    import resource  # noqa: PLC0415  # Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        log.warning("the system allows %d open files, %d are needed; raise `ulimit -n`", allowed, needed)
    return allowed
