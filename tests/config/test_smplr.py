import pytest

from hmr_tf import config


def test_defaults_mend_the_release():
    """What its sheet of faults recommends: points left out, not numbers; no dropout; tubes."""
    model, losses = config.SMPLRConfig(), config.SMPLRLossConfig()
    assert (model.num_stacks, model.hourglass_width, model.depths) == (5, 256, 16)
    assert (model.hourglass_dropout, model.denoiser_dropout, model.axes) == (0.0, 0.0, "camera")
    assert (losses.volume_loss, losses.limb_targets) == ("cross_entropy", "tube")
    assert losses.missing_probability == 0.1
    assert losses.coordinates_weight == 1.0


@pytest.mark.parametrize(("camera", "is_metric"), [("given", True), ("predicted", False)])
def test_crops_are_metric_where_the_pelvis_is_known(camera, is_metric):
    assert config.SMPLRConfig(camera=camera).has_metric_crops == is_metric
