"""What the eFlex battery bus says.

Frames in, readings out: pure, small, the standard library only.  Knows neither files
nor buses nor brokers, keeps no clock and logs nothing.
"""
