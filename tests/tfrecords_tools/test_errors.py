from tfrecords_tools import errors


def test_kinds_are_told_apart():
    assert not issubclass(errors.DatasetError, errors.RecordError)
    assert not issubclass(errors.RecordError, errors.DatasetError)
