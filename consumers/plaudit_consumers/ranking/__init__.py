"""Scores answers outside of the stream: ranks models on prompts, scores stored chats, compares versions."""
