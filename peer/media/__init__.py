"""Where pictures and sound come from, and where they go."""
