"""Cycles in, messages for Home Assistant out: descriptions of the entities and their values."""
