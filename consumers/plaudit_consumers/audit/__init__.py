"""Balancing the books: what came in equals what came out plus what was refused, and why.

`plaudit audit` (in plaudit_infra) puts it together with the fold of plaudit_stream_processors.
"""
