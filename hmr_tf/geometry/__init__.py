"""Rotations, cameras, kinematics and alignment: pure tensor functions."""
