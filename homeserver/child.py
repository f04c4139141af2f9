"""Run a program that cannot outlive its parent: `python child.py PARENT_PID PROGRAM ARGUMENTS...`.

When our own process is killed with -9 nobody is left to stop Synapse, and an orphan would hold the ports and
the database while the next start tries to take them. Linux delivers a signal to a child whose parent dies (to
be exact, the thread that started it); it has to be asked for from inside the child, before exec. This file
runs by its path, with the standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then become the program."""
    parent, *command = arguments
    # SIGKILL: a child that hangs in its own clean-up is an orphan too; both databases survive it
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit("prctl failed: the program would outlive its parent")
    if os.getppid() != int(parent):
        sys.exit("the parent died before its child began")
    os.execv(command[0], command)  # noqa: S606 - the caller is our own supervisor; no shell is involved


if __name__ == "__main__":
    main(sys.argv[1:])
