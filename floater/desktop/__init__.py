"""The window: Qt and nothing but Qt. Nothing under the bridge imports it."""
