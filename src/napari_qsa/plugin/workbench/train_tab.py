"""The tab that trains: on what, for how long, how it goes, and whether it was worth it."""
