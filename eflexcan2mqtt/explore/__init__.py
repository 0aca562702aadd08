"""Records in, what the bytes that no field claims do out. Pure statistics: no I/O, no clock."""
