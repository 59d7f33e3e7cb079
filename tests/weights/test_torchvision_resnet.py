"""torchvision's weights give its features (`published_outputs`), whichever depth the file has."""

import filler
import numpy as np
import published_outputs
import published_shapes
import pytest
import torch_files
from published_files import ShapesOnly, encoder_of

from hmr_tf.errors import CheckpointError
from hmr_tf.models import encoders
from hmr_tf.weights import FORMATS, mapping

_DEPTHS = {
    18: ((2, 2, 2, 2), 1, "resnet18_v1"),
    34: ((3, 4, 6, 3), 1, "resnet34_v1"),
    50: ((3, 4, 6, 3), 4, "resnet50_v1"),
    101: ((3, 4, 23, 3), 4, "resnet101_v1"),
}


def _shapes(depth):
    units, expansion, _ = _DEPTHS[depth]
    classes = {"fc.weight": (1000, 512 * expansion), "fc.bias": (1000,)}
    return {**published_shapes.torch_resnet_shapes(units, expansion), **classes}


@pytest.mark.parametrize("depth", _DEPTHS)
def test_features(tmp_path, depth):
    shapes = {k: v for k, v in _shapes(depth).items() if depth == 18 or not k.startswith("fc.")}
    tensors = published_shapes.torch_tensors(shapes)
    path = tmp_path / "resnet.pth"
    torch_files.write_torch(path, tensors, is_zip=depth in (34, 101))
    lines, encoder, description = encoder_of("torchvision_resnet", path, tmp_path)
    assert description["encoder"] == encoder.name == _DEPTHS[depth][2]
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    features = encoder(filler.image() * deviation + mean).numpy()[0]
    found = [features.mean(), features.std(), features.max(), *features[:5]]
    expected = published_outputs.TORCHVISION[depth]
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected[2])
    assert depth != 18 or "unused, the classifier of ImageNet: fc.bias, fc.weight" in lines


def test_other_networks_are_refused():
    published = FORMATS.get("torchvision_resnet")

    def refusal(shapes):
        file = ShapesOnly(shapes)
        with pytest.raises(CheckpointError) as error:
            encoder = encoders.build_encoder(published.config(file).encoder, 64)
            assignments = published.assignments(encoder, file)
            mapping.assign(file, assignments, published.ignored, published.own, "THIS")
        return str(error.value)

    deeper = published_shapes.torch_resnet_shapes((3, 8, 36, 3))
    assert "its layer3 has 36 bottlenecks" in refusal(deeper)
    assert "its layer3 has 0 basic units" in refusal({"features.0.weight": (64, 3, 11, 11)})
    grouped = {**_shapes(50), "layer1.0.conv1.weight": (128, 64, 1, 1)}  # ResNeXt-50.
    assert "'layer1.0.conv1.weight' should have the shape [64, 64, 1, 1]" in refusal(grouped)
    attentive = {**_shapes(18), "layer1.0.se.weight": (4, 64)}
    assert "'layer1.0.se.weight' [4, 64] has no place" in refusal(attentive)
