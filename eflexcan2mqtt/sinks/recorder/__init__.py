"""Keeps the last two minutes of frames; writes them to a file when something unusual happens."""
