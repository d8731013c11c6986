"""Captions and prompts."""
