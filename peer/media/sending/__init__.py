"""What happens to pictures and sound on their way out: muted, switched, transformed."""
