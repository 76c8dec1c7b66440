"""Every figure that the project claims, each measured beside a named reference in the same run."""
