"""Dataset names to converters, without importing the converters."""

from __future__ import annotations

import importlib

from tfrecords_tools.converter import Converter
from tfrecords_tools.errors import DatasetError

# A new dataset is a file in converters/ and a line here.
CONVERTERS = {
    "aic": "tfrecords_tools.converters.aic:AICConverter",
    "amass": "tfrecords_tools.converters.amass:AMASSConverter",
    "cloth3d": "tfrecords_tools.converters.cloth3d:CLOTH3DConverter",
    "coco": "tfrecords_tools.converters.coco:COCOConverter",
    "h36m": "tfrecords_tools.converters.h36m:H36MConverter",
    "human_data": "tfrecords_tools.converters.human_data:HumanDataConverter",
    "hybrik_mpi_inf_3dhp": "tfrecords_tools.converters.hybrik_mpi_inf_3dhp:HybrIK3DHPConverter",
    "hybrik_pw3d": "tfrecords_tools.converters.hybrik_pw3d:HybrIKPW3DConverter",
    "lsp": "tfrecords_tools.converters.lsp:LSPConverter",
    "lsp_ext": "tfrecords_tools.converters.lsp_ext:LSPExtendedConverter",
    "mosh": "tfrecords_tools.converters.mosh:MoshConverter",
    "mpi_inf_3dhp": "tfrecords_tools.converters.mpi_inf_3dhp:MPIINF3DHPConverter",
    "mpii": "tfrecords_tools.converters.mpii:MPIIConverter",
    "muco": "tfrecords_tools.converters.muco:MuCoConverter",
    "mupots": "tfrecords_tools.converters.mupots:MuPoTSConverter",
    "pw3d": "tfrecords_tools.converters.pw3d:PW3DConverter",
    "up3d": "tfrecords_tools.converters.up3d:UP3DConverter",
    "sgre_coco": "tfrecords_tools.converters.sgre_coco:SGRECOCOConverter",
    "sgre_mpii": "tfrecords_tools.converters.sgre_mpii:SGREMPIIConverter",
    "sgre_pw3d": "tfrecords_tools.converters.sgre_pw3d:SGREPW3DConverter",
    "spin_npz": "tfrecords_tools.converters.spin_npz:SpinNpzConverter",
    "voc": "tfrecords_tools.converters.voc:VOCConverter",
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
