"""The server: accounts, matching, observers, relay. It never sees a word."""
