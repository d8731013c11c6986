"""Scores of generated videos beside baselines."""
