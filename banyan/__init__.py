"""What the parts share: the domain, the use cases, the store, the pages."""
