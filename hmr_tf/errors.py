"""Exceptions that a user can cause; every command turns them into one line and a non-zero exit."""


class HmrError(Exception):
    """Base of all expected failures: a bad file, asset, record or configuration."""


class ConfigError(HmrError):
    """Raised when settings contradict each other or name something unknown."""


class BodyError(HmrError):
    """Raised when a body model file is missing, unsafe, incomplete or of the wrong kind."""


class CheckpointError(HmrError):
    """Raised when a checkpoint is missing, unreadable or of another model."""


class ImageError(HmrError):
    """Raised when an image or video cannot be read."""


class DataError(HmrError):
    """Raised when records for training or evaluation are missing or unusable."""


class TrainingError(HmrError):
    """Raised when a training run cannot go on, e.g. because a loss is not finite."""
