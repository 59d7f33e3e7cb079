"""Software rendering, overlays and plots; needs no display and no OpenGL."""
