"""One stage per file; the folder is the registry."""
