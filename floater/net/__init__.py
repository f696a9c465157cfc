"""Doing: sockets and streams, no policy. Errors of the system become FLOATER errors here."""
