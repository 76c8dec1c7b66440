"""What sources, sending and sinks share: pictures, sound, the shapes of sources and sinks."""
