"""The page on Gradio: its parts, what it shows of a chat, and what happens when somebody acts.

`app.py` first: it serves the page. `layout.py` has the parts, `screen.py` draws them, `actions.py` and
`judging.py` say what each action does, and `wiring.py` connects them.
"""
