"""Scores a checkpoint, or predictions made elsewhere, by a named protocol.

    python -m hmr_tf.evaluate --checkpoint LOG --protocol synthetic --data_dir RECORDS
    python -m hmr_tf.evaluate --checkpoint LOG --protocol pw3d --data_dir RECORDS \\
        --gendered_bodies smpl --out_dir REPORT
    python -m hmr_tf.evaluate --predictions result.npz --protocol pw3d --data_dir RECORDS \\
        --body smpl --gendered_bodies smpl --out_dir REPORT

Prints our numbers beside published ones. With --out_dir also writes report.html, one page that
opens without a network, evaluation.json (the numbers and how to get them again), a table for each
kind of part (by_action.csv, ...), charts and examples.png. hmr_tf/evaluation/protocols.py says what
each protocol measures and whose numbers it compares with.

--predictions takes files in the formats of SPIN (.npz of pred_joints, pose, betas) and mmhuman3d
(.pkl, .json or .npz), one row for each person, in the records' order.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from absl import flags, logging

from hmr_tf import command, common_flags, outputs
from hmr_tf.errors import ConfigError
from hmr_tf.evaluation.protocols import PROTOCOLS
from tfrecords_tools import skeletons

if TYPE_CHECKING:
    import tensorflow as tf

    from hmr_tf.body.model_file import Body
    from hmr_tf.evaluation.evaluation import Evaluation
    from hmr_tf.evaluation.protocol import Protocol

_CHECKPOINT = common_flags.define_checkpoint()
_PREDICTIONS = flags.DEFINE_string(
    "predictions", None, "File of predictions made elsewhere, scored in place of a checkpoint."
)
_SKELETON = flags.DEFINE_enum(
    "predictions_skeleton",
    None,
    list(skeletons.SKELETONS),
    "Joint set of the joints in --predictions; by default their number tells.",
)
_BODY, _GENDER = common_flags.define_body()
_PROTOCOL = flags.DEFINE_enum("protocol", "synthetic", PROTOCOLS.names, "What is measured.")
_DATA_DIR = common_flags.define_data_dir()
_SPLIT = flags.DEFINE_enum(
    "split", None, ["train", "test"], "Split of the records; by default the protocol's."
)
_OUT_DIR = common_flags.define_out_dir("Folder for report.html, evaluation.json and the rest.")
_GENDERED_BODIES = flags.DEFINE_string(
    "gendered_bodies",
    None,
    "Male and female bodies of the true people, where a protocol asks for them: a folder, or "
    "'smpl' (searched in the usual places); by default the model's own body stands for both.",
)
_JOINT_REGRESSOR = flags.DEFINE_string(
    "joint_regressor", None, "J_regressor_h36m.npy, for bodies that lack it."
)
_SEGMENTATION_DIR = flags.DEFINE_string(
    "segmentation_dir", None, "UPi-S1h, for masks and parts of the protocol lsp."
)
_LIMIT = flags.DEFINE_integer("limit", None, "People after which to stop.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "People at once.", lower_bound=1)
_FLIP_TEST = flags.DEFINE_bool(
    "flip_test", False, "Whether estimates are averaged with those of the mirrored crops."
)
_OWN_POSE = flags.DEFINE_bool(
    "own_pose", False, "Whether a model that takes 2D poses finds them itself (sgre)."
)
_AVERAGED = flags.DEFINE_bool(
    "averaged", True, "Whether averaged weights are taken where the checkpoint has them."
)
_NUM_LOGICAL_CPUS = common_flags.define_num_logical_cpus()
flags.mark_flags_as_required(["data_dir"])
flags.mark_flags_as_mutual_exclusive(["checkpoint", "predictions"], required=True)

# What is for one of the two only, since a checkpoint has its body and its crops.
_FOR_CHECKPOINTS = (*("averaged", "flip_test", "num_logical_cpus", "own_pose", "segmentation_dir"),)
_FOR_PREDICTIONS = ("body", "gender", "predictions_skeleton")
# Best people on the page, and worst.
_NUM_EACH = 30


class Outcome(NamedTuple):
    """What was measured, what to write about it, and how to draw a person."""

    evaluation: Evaluation
    facts: Mapping[str, Any]
    draw: Callable[[Any], list]


def main(argv: Sequence[str]) -> None:
    """Evaluates."""
    del argv
    protocol = PROTOCOLS.get(_PROTOCOL.value)
    _check_flags(protocol)
    outcome = _score_predictions(protocol) if _PREDICTIONS.value else _score_model(protocol)
    summary = {
        "protocol": protocol.name,
        "comparable_with": protocol.comparable_with,
        **outcome.evaluation.report(),
        **outcome.facts,
        "data_dir": os.path.abspath(_DATA_DIR.value),
        "split": _SPLIT.value or protocol.split,
        "command": shlex.join(["python", "-m", "hmr_tf.evaluate", *sys.argv[1:]]),
    }
    _print_table(summary)
    if _OUT_DIR.value:
        _write(outcome, summary)


def _check_flags(protocol: Protocol) -> None:
    """Refuses flags that would have no effect, and a folder that cannot be written."""
    kind, others = "--predictions", _FOR_CHECKPOINTS
    if _CHECKPOINT.value:
        kind, others = "--checkpoint", _FOR_PREDICTIONS
    given = [f"--{name}" for name in others if flags.FLAGS[name].present]
    if given:
        raise ConfigError(f"{', '.join(given)} cannot be given with {kind}.")
    for flag, is_used in (
        ("segmentation_dir", protocol.counts_pixels),
        ("gendered_bodies", protocol.is_gendered),
    ):
        if flags.FLAGS[flag].present and not is_used:
            raise ConfigError(f"--{flag} has no effect on protocol {protocol.name}; leave it out.")
    if _OUT_DIR.value:
        command.check_out_dir(_OUT_DIR.value)


def _score_model(protocol: Protocol) -> Outcome:
    """Scores a checkpoint."""
    from hmr_tf import checkpoints, saved_weights
    from hmr_tf.data import root_crop
    from hmr_tf.evaluation import contact_sheet, evaluator, people
    from hmr_tf.evaluation.examples import ExamplePicker
    from hmr_tf.evaluation.segmentation import Segmentation
    from hmr_tf.models import extra_inputs

    description = checkpoints.read_description(_CHECKPOINT.value)
    strategy = _build_strategy()
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = checkpoints.load_model(_CHECKPOINT.value, averaged=_AVERAGED.value)
    weights = saved_weights.latest_weights(_CHECKPOINT.value)
    model.body_model = _with_regressor(model.body_model)
    data = people.data_config(protocol, _DATA_DIR.value, model.config.window_px, _SPLIT.value)
    squares = root_crop.squares_of(model.config, model.body_model)
    batches = people.batches(protocol, data, model.config.image_size, _BATCH_SIZE.value, squares)
    if _OWN_POSE.value:
        if not extra_inputs.names(model):
            raise ConfigError(
                "--own_pose has no effect: this model takes no 2D poses; leave it out."
            )
        batches = batches.map(_without_poses)
    gendered = _gendered_bodies(protocol, model.body_model)
    folder = _SEGMENTATION_DIR.value
    segmentation = Segmentation(folder, model.body_model) if folder else None
    with _Progress(_num_shown(people.num_people(protocol, data))) as progress:
        evaluation = evaluator.evaluate(
            model,
            batches,
            protocol,
            limit=_LIMIT.value,
            mean=description.mean_parameters,
            on_progress=progress,
            examples=ExamplePicker(_NUM_EACH),
            segmentation=segmentation,
            true_bodies=gendered,
            flip_test=_FLIP_TEST.value,
            strategy=strategy,
        )
    facts = {
        "checkpoint": os.path.abspath(_CHECKPOINT.value),
        "step": int(weights.rpartition("-")[2]),
        "averaged": _AVERAGED.value and description.has_averaged,
        "training_seed": description.settings.get("train", {}).get("seed"),
        **_describe_bodies(model.body_model, gendered),
        "flip_test": _FLIP_TEST.value,
        **({"own_pose": _OWN_POSE.value} if extra_inputs.names(model) else {}),
        "window_px": data.window_px,
    }
    return Outcome(evaluation, facts, functools.partial(contact_sheet.draw_person, model))


def _without_poses(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a batch that says nothing of what models can find in the images."""
    return {key: value for key, value in batch.items() if key != outputs.POSE_2D}


def _score_predictions(protocol: Protocol) -> Outcome:
    """Scores predictions made elsewhere."""
    from hmr_tf.body import model_file
    from hmr_tf.config import HMRConfig
    from hmr_tf.evaluation import evaluator, foreign_estimates, foreign_predictions, people
    from hmr_tf.evaluation.examples import ExamplePicker

    predictions = foreign_predictions.read(_PREDICTIONS.value, _SKELETON.value or "")
    protocol = foreign_estimates.measurable(protocol, predictions)
    shown = HMRConfig()  # The crops in which people are shown are the original's.
    data = people.data_config(protocol, _DATA_DIR.value, shown.window_px, _SPLIT.value)
    total = people.num_people(protocol, data)
    if total is not None:
        foreign_predictions.check_count(predictions, total)
    body = _with_regressor(model_file.load_body(_BODY.value, _GENDER.value))
    foreign = foreign_estimates.ForeignEstimates(predictions, protocol, body)
    batches = people.batches(protocol, data, shown.image_size, _BATCH_SIZE.value)
    gendered = _gendered_bodies(protocol, body)
    with _Progress(_num_shown(len(predictions))) as progress:
        evaluation = evaluator.score_estimates(
            foreign.estimate,
            foreign.join(batches, _LIMIT.value),
            protocol,
            body,
            true_bodies=gendered,
            on_progress=progress,
            examples=ExamplePicker(_NUM_EACH),
        )
    facts = {
        "predictions": os.path.abspath(_PREDICTIONS.value),
        "joints": predictions.skeleton or "of the body",
        **_describe_bodies(body, gendered),
    }
    return Outcome(evaluation, facts, foreign.draw)


def _build_strategy() -> tf.distribute.Strategy | None:
    """Returns a strategy over several replicas, or None if there is only one device."""
    import tensorflow as tf

    from hmr_tf.training import devices

    if not _NUM_LOGICAL_CPUS.value and len(tf.config.list_physical_devices("GPU")) < 2:
        return None
    return devices.build_strategy(_NUM_LOGICAL_CPUS.value)


def _with_regressor(body: Body) -> Body:
    """Returns a body with the joint regressor of ``--joint_regressor``, if that is given."""
    from hmr_tf.evaluation import bodies

    path = _JOINT_REGRESSOR.value
    return bodies.with_joint_regressor(body, path) if path else body


def _gendered_bodies(protocol: Protocol, body: Body) -> dict[str, Body]:
    """Returns the male and the female body, if the protocol wants them and they are given."""
    from hmr_tf.evaluation import bodies

    if not protocol.is_gendered:
        return {}
    if not _GENDERED_BODIES.value:
        logging.warning(
            "Protocol %s compares with male and female bodies; without --gendered_bodies the "
            "numbers compare with nobody's.",
            protocol.name,
        )
        return {}
    return bodies.load_gendered(_GENDERED_BODIES.value, body)


def _describe_bodies(body: Body, gendered: Mapping[str, Body]) -> dict[str, str]:
    return {"body": body.kind, "true_bodies": ", ".join(gendered) or "the model's own"}


def _num_shown(total: int | None) -> int | None:
    """Returns how many people will be looked at, if it is known."""
    if total is None or _LIMIT.value is None:
        return total
    return min(total, _LIMIT.value)


def _write(outcome: Outcome, summary: Mapping[str, Any]) -> None:
    """Writes the report, the numbers last: where they are, everything is."""
    from hmr_tf.evaluation import report
    from tfrecords_tools import atomic_file

    os.makedirs(_OUT_DIR.value, exist_ok=True)
    for name, content in report.make_files(outcome.evaluation, summary, outcome.draw).items():
        atomic_file.write_bytes(os.path.join(_OUT_DIR.value, name), content)


def _print_table(summary: Mapping[str, Any]) -> None:
    """Prints our numbers, and the published ones below them."""
    from hmr_tf.evaluation import report_tables

    step = f", step {summary['step']}" if "step" in summary else ""
    people = f"{summary['num_people']} people of the {summary['split']} split"
    print(f"protocol {summary['protocol']}, {people}{step}")
    print("\n".join(report_tables.align(*report_tables.comparison(summary))))
    print(f"comparable with {summary['comparable_with']}")


class _Progress:
    """A bar on a terminal, a log line every thousand people otherwise."""

    def __init__(self, total: int | None) -> None:
        import tqdm

        is_terminal = sys.stderr.isatty()
        self._bar = tqdm.tqdm(total=total, unit="people", disable=not is_terminal)
        self._is_terminal = is_terminal
        self._total = total
        self._done = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *unused: Any) -> None:
        self._bar.close()

    def __call__(self, count: int) -> None:
        before, self._done = self._done, self._done + count
        self._bar.update(count)
        if not self._is_terminal and before // 1000 != self._done // 1000:
            logging.info("%d of %s people", self._done, self._total or "all")


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
