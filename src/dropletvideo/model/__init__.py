"""The network, its codec and its text encoder."""
