"""Pages rendered on the server: joining."""
