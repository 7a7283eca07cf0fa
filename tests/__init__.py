"""The test suite: a ladder of trust from finite differences to other frameworks."""
