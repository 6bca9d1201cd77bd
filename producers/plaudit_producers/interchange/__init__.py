"""Review in other tools, and verdicts in files: items out, judgements of conversations that exist back in.

`carried` is what a task takes along, so that what comes back needs neither queue nor rubric; `annotated` is
what was said in another tool, and makes events of it. One module reads or writes one shape of one tool.
"""
