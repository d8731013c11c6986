"""Judges and backbones: one frozen measuring function per file."""
