"""Where one person stands: the log-in, the search, the encounters."""
