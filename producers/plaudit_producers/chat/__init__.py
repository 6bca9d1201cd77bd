"""`plaudit chat`: a page where people chat with models and judge the answers (extra `chat`).

Read `session` first: it is what a visitor does, without any page."""
