"""The executable specification: NumPy, float64, one equation a line, no speed.

Nothing here may import fastlstm. A reader who wants to know what the library
computes reads these files; a test that disagrees with them is a bug somewhere else.
"""
