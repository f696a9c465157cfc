"""What only a server can fail at."""


class CannotStart(Exception):
    """The server cannot start. Its text is one sentence for the operator, who reads it on stderr."""


class FolderInUse(CannotStart):
    """Another server works on the data folder."""


class CannotListen(CannotStart):
    """This computer does not have the address to listen at, or the port is taken."""
