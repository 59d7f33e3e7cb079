"""Dataset names to converters, without importing the converters."""

from __future__ import annotations

import importlib

from tfrecords_tools.converter import Converter
from tfrecords_tools.errors import DatasetError

# A new dataset is a file in converters/ and a line here.
CONVERTERS = {
    "coco": "tfrecords_tools.converters.coco:COCOConverter",
    "lsp": "tfrecords_tools.converters.lsp:LSPConverter",
    "lsp_ext": "tfrecords_tools.converters.lsp_ext:LSPExtendedConverter",
    "mosh": "tfrecords_tools.converters.mosh:MoshConverter",
    "mpi_inf_3dhp": "tfrecords_tools.converters.mpi_inf_3dhp:MPIINF3DHPConverter",
    "pw3d": "tfrecords_tools.converters.pw3d:PW3DConverter",
}


def get_converter(name: str) -> type[Converter]:
    """Imports and returns the converter of a dataset.

    Raises:
        DatasetError: if the dataset is unknown.
    """
    if name not in CONVERTERS:
        known = ", ".join(sorted(CONVERTERS))
        raise DatasetError(f"Unknown dataset '{name}'; expected one of: {known}.")
    module, attribute = CONVERTERS[name].split(":")
    return getattr(importlib.import_module(module), attribute)
