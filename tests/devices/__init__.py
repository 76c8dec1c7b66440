"""A real camera and a real sound card, in a virtual machine that is booted once for all tests of this folder.

A scenario has two halves. `guest/NAME.py` has `run(out: Path)` and runs inside the machine, as root, after those
before it in the list of `guest/__main__.py`; it uses devices, starts commands (`guest/commands.py`) and leaves files
in `out`. Outside, a test takes the fixture `outcome` and looks at `outcome("NAME")`, the same folder: a scenario that
raised fails there, with its traceback. To add one, write both and add NAME to the list.

The camera is /dev/video0, the kernel's `vivid`: eight colour bars, white at the left, with the time written over them.
What is played into the sound card's `plughw:0,1` is heard at `plughw:0,0` and at ALSA's `default`, and the other way
round. The machine has the address 10.9.0.1 and no way out. It is slow: imports take seconds, so commands are forked
from a process that has imported everything; ask for small pictures, and wait for events rather than for time.
"""
