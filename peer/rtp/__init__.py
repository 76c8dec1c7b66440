"""What RTP needs, without I/O: packets, buffers, feedback, congestion control."""
