"""Raw videos to a table of measured clips."""
