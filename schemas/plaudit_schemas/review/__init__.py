"""Review: rubrics, which items they make, and the queue of them in Redis. What every member agrees on.

`rubric` is what a rubric's file holds; `rubric_file` reads it, and `registry` publishes it. `targets` is what
is reviewed and how items are named, `selection` which of them become items, `answers` the events that answers
become. `changes` is what the log does to a queue, and `claims` what reviewers do to it.
"""
