"""Records in, what the bytes that no field claims do out.

Pure statistics, on protocol and the standard library alone: no files, no clock, no log.
"""
