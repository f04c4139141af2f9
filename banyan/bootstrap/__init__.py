"""Putting the parts together: the only package that knows every one of them."""
