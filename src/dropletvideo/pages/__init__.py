"""Pieces of the single-file HTML report."""
