"""Conformance of every registered format."""

import dataclasses
import re

import pytest
from published_files import ShapesOnly

from hmr_tf.config import HMRConfig
from hmr_tf.errors import CheckpointError
from hmr_tf.models import ENCODERS, MODELS
from hmr_tf.weights import FORMATS
from hmr_tf.weights.published_format import Format


@pytest.fixture(params=FORMATS.names)
def published(request):
    return FORMATS.get(request.param)


def test_formats_describe_a_network(published):
    assert isinstance(published, Format)
    if not published.is_encoder:
        assert published.model in MODELS.names
        return
    shapes = {f"layer3.{unit}.conv1.weight": () for unit in range(6)}  # Tells torchvision's depth.
    config = published.config(ShapesOnly(shapes))
    assert config.encoder in ENCODERS.names
    assert config == dataclasses.replace(HMRConfig(), encoder=config.encoder, pool=config.pool)


def test_patterns_are_regular_expressions_with_reasons(published):
    re.compile(published.own)
    for pattern, reason in published.ignored:
        re.compile(pattern)
        assert reason


def test_missing_files_are_one_line(published, tmp_path):
    with pytest.raises(CheckpointError, match="There is no") as error:
        published.open(str(tmp_path / "missing"))
    assert "\n" not in str(error.value)
