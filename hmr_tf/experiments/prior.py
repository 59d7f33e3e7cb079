"""What the adversarial prior is for, shown by trainings on 2D labels with and without it.

With 3D labels and the prior (`paired`), with 2D labels and the prior (`prior`), and with 2D labels
alone (`no_prior`). Keypoints in an image leave depth open: without 3D labels a body may fit them in
any contorted way, unless a prior learned from motion capture, which belongs to no image, holds it
to what people do.

Here the prior has two parts. The runs that have it begin with `upright`, a network trained on 2D
labels with a body that can hardly do but turn, in the mean pose of motion capture: so it learns
which way people face. In the original an encoder that had seen ImageNet, and people who mostly look
into the camera, made up for that; from random weights a body that may bend comes to fit backs to
fronts, which no small step can mend. Then come the adversaries; `no_adversary` leaves them out, to
show what the beginning does by itself. `no_prior` has neither, and is compared when its 2D error is
that of `prior`.

Reference: A. Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018, sections 1
and 4.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from absl import logging

from hmr_tf import checkpoints, outputs, saved_weights
from hmr_tf.evaluation import contact_sheet, evaluator, examples, people, plausibility
from hmr_tf.evaluation.protocols import SYNTHETIC as _PROTOCOL
from hmr_tf.experiments import Options, held_out, prior_report, reports, trainings
from hmr_tf.training import journal

RUNS = ("paired", "prior", "no_adversary", "no_prior")
BEGINNING = "upright"
NAME = "prior"
_FLAGFILES = {run: f"flags/hmr_claims_{run}.flags" for run in (BEGINNING, *RUNS)}
_BEGINS_WITH = dict.fromkeys(("paired", "prior", "no_adversary"), BEGINNING)
_NUM_PICTURED = 6
_BATCH_SIZE = 32


def run(options: Options) -> str:
    """Trains what is not trained yet, measures all and writes the report.

    Returns:
        The table, Markdown.

    Raises:
        ConfigError: if a flagfile is missing.
        DataError: if there are no held-out people.
        HmrError: if a training fails or is stopped.
    """
    return _report(options, trainings.train_all(options, _FLAGFILES, _PROTOCOL, _BEGINS_WITH))


def _report(options: Options, commands: dict[str, str]) -> str:
    """Measures the trained runs, writes table, numbers and figure, and returns the table."""
    out_dir = pathlib.Path(options.out_dir)
    results: dict[str, Any] = {"runs": {}}
    curves, pictures = {}, {}
    for name in RUNS:
        logging.info("[%s] measuring held-out people", name)
        measured, pictures[name] = measure(out_dir / name, options.data_dir)
        references = {key: measured.pop(key) for key in ("mean_pose", "truth")}
        results["runs"][name] = {**measured, "command": commands[name]}
        curves[name] = journal.read_rows(str(out_dir / name / journal.VALIDATION_FILE))
    # All runs begin at one mean and are measured on the same people.
    results.update(references)
    results["claims"] = prior_report.check_claims(results)
    text = prior_report.draw_up_table(results)
    figure = prior_report.draw_figure(results, curves, pictures)
    reports.write(out_dir, NAME, results, text, figure)
    return text


def measure(log_dir: pathlib.Path, data_dir: str) -> tuple[dict[str, Any], list[list[np.ndarray]]]:
    """Measures a training run on held-out people.

    Args:
        log_dir: the run's folder.
        data_dir: folder of records.

    Returns:
        (numbers, pictures): `metrics` of the run by name, those of `mean_pose` and of the `truth`,
        and what the run was; three pictures each of the same few people, whichever the run.
    """
    description = checkpoints.read_description(log_dir)
    model = checkpoints.load_model(log_dir)
    data = people.data_config(_PROTOCOL, data_dir, model.config.window_px)
    batches = people.batches(_PROTOCOL, data, model.config.image_size, _BATCH_SIZE)
    mean = description.mean_parameters
    evaluation = evaluator.evaluate(model, batches, _PROTOCOL, mean=mean)
    estimated, true = held_out.bodies(model, batches)
    report = evaluation.report()
    mean_rotations = evaluator.mean_estimate(model, mean)[outputs.ROTATIONS].numpy()
    numbers = {
        "metrics": {**report["metrics"], **plausibility.measure(estimated[outputs.ROTATIONS])},
        "mean_pose": {**report["baseline"], **plausibility.measure(mean_rotations)},
        "truth": plausibility.measure(true[outputs.ROTATIONS]),
        "num_people": evaluation.num_people,
        "step": saved_weights.latest_step(log_dir),
        "seed": description.settings["train"]["seed"],
        "losses": description.settings["losses"],
    }
    pictured = _spread(batches, evaluation)
    return numbers, [contact_sheet.draw_person(model, person) for person in pictured]


def _spread(batches: Iterable, evaluation: evaluator.Evaluation) -> list[examples.Example]:
    """Returns a few people spread evenly over the records, so that nobody is picked by hand."""
    count = min(_NUM_PICTURED, evaluation.num_people)
    wanted = set(np.linspace(0, evaluation.num_people - 1, count).round().astype(int).tolist())
    pictured, place = [], 0
    for batch in batches:
        for row in range(len(batch["image"])):
            if place in wanted:
                error = float(evaluation.errors["mpjpe_mm"][place])
                pictured.append(examples.from_batch(evaluation.names[place], error, batch, row))
            place += 1
    return pictured
