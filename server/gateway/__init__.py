"""The sockets of the server."""
