"""The front without a window: one file for each group of commands."""
