"""A small page that shows the bank to a browser; read-only, in a thread of its own."""
