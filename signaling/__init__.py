"""The relay that introduces two WebRTC peers to each other, its page, and the client side of its protocol.

messages     every message: parse, validate, serialize                      no I/O
rooms        who is in which room, in which role, what to tell whom         no I/O
admission    which names the relay goes by, and whose pages it lets in      no I/O
loopback     which hosts are this machine                                   no I/O
kept         offers that wait for a partner who comes late                  no I/O
ratelimit    how many, how fast                                             no I/O
config       the relay's configuration, the one home of its defaults
relay        the relay itself: connections in, rooms, connections out
connection   one TCP connection: an HTTP request, and the WebSocket that it becomes
listening    the sockets to listen on
secrecy      no token in the log
web          the page and the state of health, over HTTP
cli          the command `signaling`
client       the client side: join, send, receive, come back
connecting   the client's way to a relay, and what can be wrong with it
page/        what a browser loads
"""
