"""Datasets as files: skeletons, the record schema, converters, readers and writers."""
