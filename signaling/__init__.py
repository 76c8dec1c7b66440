"""The relay that introduces two WebRTC peers to each other, its page, and the client side of its protocol."""
