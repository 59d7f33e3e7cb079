"""What converters of labelled people in image files share."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from tfrecords_tools import person_scale
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.labelled_people import Framing, LabelledPerson, ScaleRule, to_sample

PERSON_PX_OPTION = {"person_px": 150.0}


class PeopleConverter(Converter):
    """Converts a dataset whose labels are read whole, person by person.

    Its options include ``person_px``: the size that people are brought to, px; 0 keeps the images
    as they are.

    Attributes:
        margin_px: half the side of the square that is kept, px of an image in which the person
            measures 150 px.
        scale_rule: how the size of a person is told, see `person_scale`.
    """

    option_defaults = PERSON_PX_OPTION
    margin_px: ClassVar[int] = 150
    scale_rule: ClassVar[ScaleRule] = staticmethod(person_scale.scale_from_trunk)

    @abc.abstractmethod
    def label_files(self, part: str) -> Sequence[str]:
        """Returns the files that hold the labels of a part.

        Raises:
            DatasetError: if they are not there.
        """

    @abc.abstractmethod
    def people(self, part: str) -> Iterable[LabelledPerson | Drop]:
        """Reads the people of a part, and who is left out.

        Raises:
            DatasetError: if a file is damaged or another one.
        """

    def __init__(self, data_dir: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(data_dir, *arguments, **keywords)
        # Labels of millions of joints are not read twice.
        self._read: dict[str, list[LabelledPerson | Drop]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what was read: workers get their people one by one."""
        return {**self.__dict__, "_read": {}}

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        paths = [item.path for item in self.items(part) if isinstance(item, LabelledPerson)]
        return fingerprint_files(self.data_dir, self.label_files(part), paths)

    def items(self, part: str) -> Sequence[Any]:
        """Returns the people of a part, in the order of the labels."""
        if part not in self._read:
            self._read[part] = list(self.people(part))
        return self._read[part]

    def convert(self, item: Any) -> Iterable[Output]:
        """Turns one person into a sample."""
        if isinstance(item, Drop):
            return [item]
        framing = Framing(self.options["person_px"], self.margin_px, type(self).scale_rule)
        return [to_sample(item, self.name, framing)]
