"""Policy as code: who may be where, as pure functions."""
