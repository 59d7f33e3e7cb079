"""Named protocols, the evaluator and its report."""
