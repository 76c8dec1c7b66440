"""Sound cards, as ALSA and Linux know them."""
