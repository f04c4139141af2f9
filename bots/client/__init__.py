"""Our hardened Matrix client: the one place that imports nio."""
