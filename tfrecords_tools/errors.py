"""Exceptions about datasets as files."""


class DatasetError(Exception):
    """Raised when a source dataset is missing, incomplete or not in its format.

    The message names the dataset and the file.
    """


class ImageError(DatasetError):
    """Raised when an image file is missing or damaged; converters count such samples."""


class RecordError(Exception):
    """Raised when a TFRecord file or a record in it is unusable; names file and record."""


class OutputError(RecordError):
    """Raised when a file cannot be written: full disk, used-up quota, no permission."""


class DamagedSourceError(DatasetError):
    """Raised when too much of a source is damaged to convert the rest."""
