import dataclasses

import pytest

from hmr_tf.checkpoints import Description
from hmr_tf.errors import ConfigError
from hmr_tf.training import resume


def _run(kind="toy", sha="1", schedule="constant", **train):
    settings = {
        "train": {"batch_size": 8, "num_steps": 10, "log_every": 5, "schedule": schedule, **train},
        "data": {"data_dir": "a", "datasets": [["lsp", 1.0]]},
    }
    body = {"kind": kind, "sha256": sha, "file": ""}
    return Description("hmr", {}, body, task="adversarial", settings=settings)


def _check(log_dir, before, now, defaults=None):
    resume.check_same_run(log_dir, before, now, defaults or {})


def test_the_same_run_may_go_on():
    _check("LOG", _run(), _run())
    _check("LOG", _run(), _run(log_every=1, keep_checkpoints=9))


def test_differing_settings_are_named():
    with pytest.raises(ConfigError) as error:
        _check("LOG", _run(), _run(batch_size=4, seed=3))
    message = str(error.value)
    assert "'LOG'" in message
    assert "batch_size (8 there, 4 here)" in message
    assert "seed (nothing there, 3 here)" in message
    assert "num_steps" not in message and "\n" not in message


def test_a_setting_newer_than_the_run_had_its_default():
    defaults = {"train": {"clip_norm": 0.0, "batch_size": 64}, "data": {"augment": {"spread": "u"}}}
    now = _run(clip_norm=0.0)
    now.settings["data"]["augment"] = {"spread": "u"}
    _check("LOG", _run(), now, defaults)
    now.settings["data"]["augment"]["spread"] = "n"
    now.settings["train"].update(clip_norm=2.0, batch_size=64)
    with pytest.raises(ConfigError) as error:
        _check("LOG", _run(), now, defaults)
    for text in ("clip_norm (0.0 there, 2.0 here)", "spread (u there, n here)"):
        assert text in str(error.value)
    assert "batch_size (8 there, 64 here)" in str(error.value)


def test_a_setting_that_is_no_longer_known_is_named():
    with pytest.raises(ConfigError, match=r"momentum \(0.9 there, nothing here\)"):
        _check("LOG", _run(momentum=0.9), _run())


def test_another_body_of_the_same_kind_is_another_run():
    with pytest.raises(ConfigError, match="body_sha256"):
        _check("LOG", _run(), _run(sha="2"))


def test_only_a_constant_rate_may_run_longer():
    _check("LOG", _run(), _run(num_steps=20))
    with pytest.raises(ConfigError, match=r"num_steps \(10 there, 20 here\)"):
        _check("LOG", _run(schedule="cosine"), _run("toy", "1", "cosine", num_steps=20))


def test_validations_may_change_but_not_what_the_best_is():
    before = _run()
    before.settings["validation"] = {"validate_every": 0, "best_metric": "pve_mm"}
    now = _run()
    now.settings["validation"] = {"validate_every": 5, "best_metric": "pve_mm"}
    _check("LOG", before, now)
    now.settings["validation"]["best_metric"] = "mpjpe_mm"
    with pytest.raises(ConfigError, match=r"best_metric \(pve_mm there, mpjpe_mm here\)"):
        _check("LOG", before, now)


def test_weights_alone_are_no_run():
    with pytest.raises(ConfigError, match="'LOG/best' holds weights alone"):
        _check("LOG/best", dataclasses.replace(_run(), task=""), _run())


def test_many_differences_are_counted():
    with pytest.raises(ConfigError, match="and 4 more"):
        _check("LOG", _run(), _run(**{f"x{i}": i for i in range(10)}))
