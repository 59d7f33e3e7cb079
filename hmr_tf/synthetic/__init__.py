"""Random people, rendered, in the true layouts of real datasets."""
