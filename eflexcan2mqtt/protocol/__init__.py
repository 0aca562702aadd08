"""What the eFlex battery bus says: frames in, readings out.

Pure and small, on the standard library alone.  It knows no files, buses or brokers, reads no
clock and logs nothing.
"""
