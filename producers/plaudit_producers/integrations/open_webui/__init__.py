"""Open WebUI: a function that sends its votes when they are given, and what brings those it missed."""
