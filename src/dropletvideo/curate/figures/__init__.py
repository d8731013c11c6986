"""Figures of a data set's report, one topic per file: each adds its sections to a page."""
