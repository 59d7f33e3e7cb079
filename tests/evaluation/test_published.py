"""The table of published numbers is whole, and says what the sources print."""

import pytest

from hmr_tf.evaluation import published
from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.protocols import PROTOCOLS


@pytest.mark.parametrize("name", published.PUBLISHED)
def test_every_number_is_one_of_a_known_protocol_and_metric(name):
    protocol = PROTOCOLS.get(name)
    for entry in published.find(name):
        assert entry.model and entry.source and entry.values
        assert set(entry.values) <= set(protocol.metrics), entry.model
        for metric, value in entry.values.items():
            low, high = {"mm": (30, 200), "%": (25, 100), "": (0.4, 1)}[MEASURES[metric].unit]
            assert low < value < high, (entry.model, metric)


def test_numbers_that_are_printed():
    def of(protocol, model):
        return next(entry for entry in published.find(protocol) if entry.model == model).values

    assert of("h36m_p1", "HMR") == {"mpjpe_mm": 87.97, "pa_mpjpe_mm": 58.1}
    assert of("h36m_p2", "HMR") == {"pa_mpjpe_mm": 56.8}
    assert of("pw3d", "HMR, mmhuman3d") == {"mpjpe_mm": 112.34, "pa_mpjpe_mm": 67.53}
    assert of("pw3d_vibe", "SPIN")["pve_mm"] == 129.2
    assert of("mpi_inf_3dhp_hmr", "HMR")["pa_auc_150"] == 47.8
    assert of("lsp", "HMR")["part_f1"] == 0.60


def test_nobody_else_measures_on_our_people():
    assert published.find("synthetic") == ()
