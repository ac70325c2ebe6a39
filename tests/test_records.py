from inkbench import records


def test_write_json_gives_equal_bytes_for_equal_content(tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    records.write_json(first, {"b": "σ", "a": 1})
    records.write_json(second, {"a": 1, "b": "σ"})
    assert first.read_bytes() == second.read_bytes()
    assert first.read_text("utf-8") == '{\n  "a": 1,\n  "b": "σ"\n}\n'
