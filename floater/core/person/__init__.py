"""The state of one person: the log-in, the search, and the matches."""
