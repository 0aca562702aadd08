"""The settings: an INI in, a Config out."""
