"""Encoders: folders that turn text into a vector. Begin with `encoder.open_encoder`.

`building` makes a folder: `source` gets the teacher's files, `bert_graph` builds its graph, `distilling` a
table of tokens from it. `cached` keeps what was built.
"""
