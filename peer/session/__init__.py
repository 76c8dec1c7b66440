"""The life of a call: a place in a room, offer and answer, a connection, and its end."""
