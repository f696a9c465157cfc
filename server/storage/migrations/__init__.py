"""The schema's history, one file in `versions/` for each change. Run by `Database.open`."""
