"""FLOATER: meet one random stranger and talk, computer to computer."""

__version__ = "0.6.0"
