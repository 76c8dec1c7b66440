"""The command line: options in, exit codes out, and what a person reads meanwhile."""
