"""Complete runs in YAML: copy and edit."""
