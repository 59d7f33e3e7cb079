from hmr_tf import errors


def test_every_expected_failure_is_an_hmr_error():
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(kinds) > 3
    assert all(issubclass(kind, errors.HmrError) for kind in kinds)
