"""Files, stills and live streams."""
