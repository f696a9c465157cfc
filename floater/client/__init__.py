"""The client: commands in, events out. Here the rooms are wired together; it knows nothing of faces."""

from floater.client.client import Client

__all__ = ["Client"]
