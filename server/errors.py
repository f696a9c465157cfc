"""What only a server can fail at."""


class CannotStart(Exception):
    """The server cannot start. Its text is one sentence for the operator, who reads it on stderr."""


class CannotListen(CannotStart):
    """The address to listen at is none of this computer's, or its port is taken."""
