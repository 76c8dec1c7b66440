"""A WebRTC peer in pure Python: the other end of a browser video call."""
