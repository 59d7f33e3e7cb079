import numpy as np
import pytest

from hmr_tf.errors import TrainingError
from hmr_tf.training import step_guard


def test_numbers_that_are_not_finite_are_named_with_their_images():
    guard = step_guard.StepGuard(["loss", "size", "a/b"], lambda step: [f"{step}.jpg"])
    guard.check(6, [1.0, 2.0, 3.0])
    with pytest.raises(TrainingError) as error:
        guard.check(7, [np.nan, 2.0, np.inf])
    message = str(error.value)
    assert message.startswith("Step 7 gave numbers that are not finite (loss); the last checkpoint")
    assert message.endswith("the images of step 7: 7.jpg; of step 6: 6.jpg.")
    with pytest.raises(TrainingError, match=r"\(a/b\)"):
        guard.check(1, [1.0, 2.0, np.inf])


def test_overflows_are_no_failure_unless_endless():
    guard = step_guard.StepGuard(["loss", "loss_overflows"])
    most = step_guard.MAX_OVERFLOWS - 1
    for step in range(1, 3 * most):
        guard.check(step, [1.0, float(step % (most + 1) != 0)])
    with pytest.raises(TrainingError, match="50 steps up to 1049 overflowed float16"):
        for step in range(999, 1100):
            guard.check(step, [1.0, float(step > 999)])
