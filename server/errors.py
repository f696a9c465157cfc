"""What only a server can fail at."""


class CannotStart(Exception):
    """The server cannot start. Its text is one sentence for the operator, who reads it on stderr."""
