"""Models, meshes and predictions as files for other programs."""
