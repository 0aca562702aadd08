"""What the eFlex battery bus says: frames in, readings out.

Pure and small, on the standard library alone.  It knows no files, buses or brokers, reads no
clock and logs nothing.  evidence/ has what is claimed of the bytes as rules, and counts how well
recordings keep them; what the others do, that no field claims, is for the room explore/.
"""
