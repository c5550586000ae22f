"""The command line: one module a noun, each imported when its command is called."""
