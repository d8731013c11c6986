"""One short file per verb of the `droplet` command."""
