"""Chosen clips to files in published formats."""
