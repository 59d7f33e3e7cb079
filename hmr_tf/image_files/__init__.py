"""Photographs as files: reading them whatever their format, and boxes of people beside them."""
