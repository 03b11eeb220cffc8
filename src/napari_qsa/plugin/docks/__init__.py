"""Docks: each shows the state of a session's object and sends it commands, nothing more."""
