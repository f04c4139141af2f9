"""`python -m banyan` is `banyan`."""

from banyan.cli import main

main()
