"""The homeserver: configuration, supervision, desired state, the gate."""
