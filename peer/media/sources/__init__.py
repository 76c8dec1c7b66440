"""What feeds a call: films, devices, the screen, the test picture, a program's own pictures."""
