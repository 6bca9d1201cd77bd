"""The console's page where people review (an extra). Read `page` first: every request ends there.

`definition` declares the page, `routes` speaks HTTP, and `page` answers. `queues` knows the rubrics and the
queue of each, `working` is what reviewers do and `leading` what leads do, `content` says what an item shows,
`sending` sends answers as events, and `access` says who may do what. `quality` computes the figures.
"""
