"""Where frames come from.

A source is an iterable of events: frames of battery ids, and ``Silence.SECOND`` for each second
without one.  It either heals itself for ever (a bus) or ends (a recording).
"""
