"""What the INI says: an INI in, a Config out."""
