"""The training objective and its schedule arithmetic."""
