"""One module per source dataset."""
