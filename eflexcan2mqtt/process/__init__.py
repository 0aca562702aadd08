"""What is asked of any service: signals, systemd, the log."""
