"""Arguments in, one command with its options out; help, completion and man page follow from it."""
