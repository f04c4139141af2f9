"""How long to wait before what failed is tried again."""


def backoff(failures: int, *, longest: float) -> float:
    """Seconds after that many failures in a row (1, 2, …): one, doubled each time, up to `longest`."""
    return min(longest, 2.0 ** min(failures - 1, 30))  # a float has no room for the failures of a whole day
