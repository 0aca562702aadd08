"""How well the field table is known: rules that recordings keep or break, and their counts."""
