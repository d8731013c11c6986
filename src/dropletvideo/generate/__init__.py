"""The image-to-video pipeline and what is built on it."""
