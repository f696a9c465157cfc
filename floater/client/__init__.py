"""The client: takes commands and emits events. It combines the other rooms and imports no face."""

from floater.client.client import Client

__all__ = ["Client"]
