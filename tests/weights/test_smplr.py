"""The release's three checkpoints, by their names and shapes, into the networks' variables."""

import numpy as np
import published_files
import pytest

from hmr_tf.errors import CheckpointError
from hmr_tf.models.smplr import SMPLR
from hmr_tf.weights import mapping
from hmr_tf.weights.smplr import FORMAT

STACKS = 2
ROOT = "stacked_hourglass"


def _norm(name, size, gamma):
    kinds = ("beta", "moving_mean", "moving_variance", *(["gamma"] if gamma else []))
    return {f"{name}/{kind}": (size,) for kind in kinds}


def shn_shapes(stacks=STACKS):
    """Names and shapes of the hourglass, in the order of its making."""
    shapes, counts = {}, {"weights": 0, "BatchNorm": 0}

    def numbered(name):
        counts[name] += 1
        return f"{name}_{counts[name] - 1}" if counts[name] > 1 else name

    def norm(size):
        shapes.update(_norm(numbered("BatchNorm"), size, gamma=False))

    def residual(inputs, outputs):
        half = outputs // 2
        for side, taken, given in ((1, inputs, half), (3, half, half), (1, half, outputs)):
            norm(taken)
            shapes[numbered("weights")] = (side, side, taken, given)

    stem = f"{ROOT}/preprocessing"
    shapes[f"{stem}/256to128/weights"] = (6, 6, 3, 64)
    for inputs, outputs in ((64, 128), (128, 128), (128, 256)):
        residual(inputs, outputs)
    shapes[f"{stem}/residual/skipLayer/skipLayer-conv/weights"] = (1, 1, 64, 128)
    shapes[f"{stem}/residual_2/skipLayer/skipLayer-conv/weights"] = (1, 1, 128, 256)
    for stack in range(1, stacks + 1):
        for _ in range(13):
            residual(256, 256)
        norm(256)
        name = f"{ROOT}/stacks/hourglass.{stack}"
        shapes[f"{name}/conv_1/weights"] = (1, 1, 256, 256)
        shapes[f"{name}/out/weights"] = (1, 1, 256, 720)
        if stack < stacks:
            shapes[f"{name}/ll/weights"] = (1, 1, 256, 256)
            shapes[f"{name}/out_/weights"] = (1, 1, 720, 256)
    return shapes


def _dense(scope, layers):
    shapes, count = {}, 0
    for name, taken, given, has_norm in layers:
        shapes[f"{scope}/{name}/weights"] = (taken, given)
        shapes[f"{scope}/{name}/biases"] = (given,)
        if has_norm:
            suffix = f"_{count}" if count else ""
            shapes.update(_norm(f"{scope}/batch_normalization{suffix}", given, gamma=True))
            count += 1
    return shapes


def dae_shapes():
    return _dense(
        "dae",
        [
            ("enc/fce1_0", 123, 1024, True),
            ("enc/fce2_0", 1024, 1024, True),
            ("enc/fce3_0", 1024, 512, True),
            ("dec/fcd2_0", 512, 1024, True),
            ("dec/fcd1_0", 1024, 1024, True),
            ("dec/x_0", 1024, 123, False),
        ],
    )


def smplr_shapes():
    shapes = {}
    for scope, taken, given in (("shape", 41, 11), ("pose", 123, 216)):
        layers = [
            ("enc/fce1", taken, 1024, True),
            ("enc/fce2", 1024, 1024, True),
            ("enc/fce3", 1024, 512, True),
            ("enc/fce4", 512, 512, True),
            ("enc/fce41", 512, 512, True),
            ("enc/fce42", 512, 256, True),
            ("enc/fce5", 256, 256, True),
            ("enc/x", 256, given, False),
            ("enc/fce43", 512, 256, True),
            ("enc/x_offset", 256, given, False),
            ("enc/x2", 2 * given, given, False),
        ]
        shapes.update(_dense(scope, layers))
    return shapes


def test_there_are_as_many_names_as_in_the_release():
    shapes = shn_shapes(5)
    assert len(shapes) == 852
    assert f"weights_{203}" in shapes and "BatchNorm_208/beta" in shapes


class _File(published_files.ShapesOnly):
    """Each tensor is full of its own number."""

    def read(self, name):
        return np.full(self.shapes[name], float(sorted(self.shapes).index(name)), np.float32)


@pytest.fixture(scope="module")
def files():
    return _File({**shn_shapes(), **dae_shapes(), **smplr_shapes(), "weights/Adam": (1,)})


@pytest.fixture(scope="module")
def model(files, tmp_path_factory):
    body = published_files.smpl_body(tmp_path_factory.mktemp("body"))
    return SMPLR(FORMAT.config(files), body)


def test_the_settings_are_read_off_the_files(files):
    config = FORMAT.config(files)
    assert (config.num_stacks, config.hourglass_width, config.denoise) == (STACKS, 256, True)
    assert (config.axes, config.camera) == ("release", "given")
    without = _File({**shn_shapes(1), **smplr_shapes()})
    assert not FORMAT.config(without).denoise


def test_every_variable_gets_its_tensor(model, files):
    assignments = FORMAT.assignments(model, files)
    report = mapping.assign(files, assignments, FORMAT.ignored, FORMAT.own, FORMAT.what)
    assert report.missing == () and set(report.unused) == {"weights/Adam"}
    written = {id(assignment.variable) for assignment in assignments}
    assert written == {id(variable) for variable in model.weights}
    order = sorted(files.shapes)
    expected = {
        "stem": f"{ROOT}/preprocessing/256to128/weights",
        "stack1_seen": f"{ROOT}/stacks/hourglass.2/conv_1/weights",
        "stack0_back": f"{ROOT}/stacks/hourglass.1/out_/weights",
    }
    for layer, name in expected.items():
        kernel = model.hourglass.get_layer(layer).kernel
        assert np.unique(kernel) == [order.index(name)]
    # Units before the second hourglass: 3 + 13.
    unit = model.hourglass.get_layer("stack1_level0_up")
    assert np.unique(unit.convs[1].kernel) == [order.index(f"weights_{3 * 16 + 1}")]
    assert np.unique(unit.norms[0].beta) == [order.index(f"BatchNorm_{3 * 16 + 1}/beta")]
    offset = model.pose_network.get_layer("offset_1_norm")
    assert np.unique(offset.gamma) == [order.index("pose/batch_normalization_7/gamma")]


def test_another_file_is_refused(model):
    narrow = _File({**shn_shapes(), **dae_shapes(), **smplr_shapes(), "weights_3": (1, 1, 9, 9)})
    with pytest.raises(CheckpointError, match="'weights_3' should have the shape"):
        assignments = FORMAT.assignments(model, narrow)
        mapping.assign(narrow, assignments, FORMAT.ignored, FORMAT.own, FORMAT.what)
