"""What crosses the border: transactions of the homeserver, signed alerts."""
