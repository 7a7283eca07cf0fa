"""Exchange with files and other libraries, each in a module of its own."""
