"""Trainer, step, checkpoint."""
