"""What a training takes of a machine."""

import pytest

from inkbench.training import runtime


@pytest.mark.parametrize(
    ("flag", "taken"), [("amx_bf16", "bfloat16"), ("avx512_bf16", "float32"), ("fma", "float32")]
)
def test_auto_takes_what_the_processor_computes_in(
    flag: str, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    monkeypatch.setattr(runtime, "_cpu_flags", lambda: {flag})
    try:
        found = runtime.set_up("auto", 0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert found["precision"] == ("bfloat16" if found["device"] == "gpu" else taken)
