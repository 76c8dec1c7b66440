"""Session descriptions and candidates as text."""
