"""The budgets of the design, measured: every figure of ours beside a peer's of the same minute."""
