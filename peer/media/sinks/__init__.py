"""What takes the partner's picture and sound."""
