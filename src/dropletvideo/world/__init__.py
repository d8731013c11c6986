"""Procedural 3-D scenes with exact cameras."""
