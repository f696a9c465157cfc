"""The one API: commands in, events out."""
