"""Bytes to messages and back. Pure: no socket, clock, randomness or log. The server imports it too."""
