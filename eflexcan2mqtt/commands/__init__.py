"""What the program does besides running; each returns findings and prints nothing."""
