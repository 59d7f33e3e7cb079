"""Builds the embedded body from the public-domain MakeHuman assets; see ATTRIBUTION.md."""
