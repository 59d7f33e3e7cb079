from hmr_tf import outputs


def test_every_key_is_documented():
    keys = [
        value for name, value in vars(outputs).items() if name.isupper() and isinstance(value, str)
    ]
    assert len(keys) >= 9
    for key in keys:
        assert f"\n{key} " in outputs.__doc__, key
