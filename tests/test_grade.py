"""A submission is scored as MLE-bench scores it, or refused in one line."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inkbench import cli, grade
from inkbench.errors import InkbenchError

ANSWERS = {"1_1_1": 0.0, "1_1_2": 1.0, "1_2_1": 0.5, "12_1_1": 0.25}


def table(path: Path, rows: dict[str, object] | list[tuple[str, object]]) -> Path:
    pairs = rows.items() if isinstance(rows, dict) else rows
    lines = ["id,value", *(f"{key},{value}" for key, value in pairs)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    return table(tmp_path / "answers.csv", ANSWERS)


def refusal(submission: Path, answers: Path) -> str:
    with pytest.raises(InkbenchError) as raised:
        grade.grade(submission, answers)
    text = str(raised.value)
    assert text.startswith(str(submission)) and "\n" not in text
    return text


def test_the_score_is_the_error_pooled_over_all_rows_whatever_their_order(
    tmp_path: Path, answers: Path
) -> None:
    rows = [("12_1_1", 0.25), ("1_2_1", 0.9), ("1_1_1", "3e-1"), ("1_1_2", 1)]
    score = grade.grade(table(tmp_path / "s.csv", rows), answers)
    assert score == pytest.approx(np.sqrt((0.4**2 + 0.3**2) / 4))


def test_it_agrees_with_a_sort_of_strings_and_scikit_learn(tmp_path: Path) -> None:
    import pandas as pd
    from sklearn.metrics import root_mean_squared_error

    random = np.random.default_rng(0)
    ids = [f"{p}_{r}_{c}" for p in (2, 11, 101) for r in range(1, 13) for c in range(1, 11)]
    true, given = (dict(zip(ids, random.random(len(ids)), strict=True)) for _ in range(2))
    shuffled = [(ids[i], given[ids[i]]) for i in random.permutation(len(ids))]
    paths = table(tmp_path / "s.csv", shuffled), table(tmp_path / "a.csv", true)
    one, other = (pd.read_csv(path).sort_values("id") for path in paths)
    assert (one.id.to_numpy() == other.id.to_numpy()).all()
    assert grade.grade(*paths) == pytest.approx(root_mean_squared_error(one.value, other.value))


def test_compressed_files_and_pieces_do_not_change_it(
    tmp_path: Path, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = table(tmp_path / "s.csv", {key: 0.5 for key in ANSWERS}).read_bytes()
    (tmp_path / "s.csv.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("submission.csv", text)
    (tmp_path / "w.csv").write_bytes(text.replace(b"\n", b"\r\n").rstrip())
    expected = grade.grade(tmp_path / "s.csv", answers)
    monkeypatch.setattr(grade, "_PIECE", 11)
    for name in ("s.csv", "s.csv.gz", "s.zip", "w.csv"):
        assert grade.grade(tmp_path / name, answers) == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "header is ''"),
        ("image,value\n1_1_1,0\n", "header is 'image,value'"),
        ("id,value\n", "no rows below the header"),
        ("id,value\n1_1_1,0\n1_1_2\n1_2_1,0\n12_1_1,0\n", "line 3 is '1_1_2'"),
        ("id,value\n1_1_1,0\n1,1,2,0\n1_2_1,0\n12_1_1,0\n", "line 3 is '1,1,2,0'"),
        ("id,value\n1_1_1,0\n1_1_2,white\n1_2_1,0\n12_1_1,0\n", "its value is no number"),
        ("id,value\n1_1_1,0\n1_1_2,nan\n1_2_1,0\n12_1_1,0\n", "its value is no number"),
        ("id,value\n1_1_1,0\n1_1_2,\n1_2_1,0\n12_1_1,0\n", "line 3"),
        ("id,value\n1_1_1,0\n\n1_1_2,0\n1_2_1,0\n12_1_1,0\n", "line 3 is ''"),
        ("id,value\n1_1_1,0\n", "1 rows, but"),
        ("id,value\n1_1_1,0\n1_1_3,0\n1_2_1,0\n12_1_1,0\n", "1_1_3 here where it has 1_1_2"),
        ("id,value\n1_1_1,0\n1_1_1,0\n1_2_1,0\n12_1_1,0\n", "1_1_1 stands there more than once"),
        ("id,value\n1_1_1,0\n-1_1_2,0\n1_2_1,0\n12_1_1,0\n", "line 3"),
    ],
)
def test_a_malformed_submission_is_one_line(
    content: str, reason: str, tmp_path: Path, answers: Path
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(content)
    assert reason in refusal(path, answers)


def test_files_that_are_not_tables_are_one_line(tmp_path: Path, answers: Path) -> None:
    whole = gzip.compress(table(tmp_path / "s.csv", ANSWERS).read_bytes())
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.write(tmp_path / "s.csv", "s.csv")
    torn = (tmp_path / "s.zip").read_bytes().replace(b"1_1_2,1.0", b"1_1_2,9.0")
    for content in (whole[:20], torn, b"PK\x03\x04 no zip", bytes(range(256)) * 20, b"\xff\xfe"):
        (tmp_path / "bad").write_bytes(content)
        assert refusal(tmp_path / "bad", answers)
    assert "No such file" in refusal(tmp_path / "missing", answers)


def test_the_command_prints_score_and_medal(
    tmp_path: Path, answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {key: value + 0.02 for key, value in ANSWERS.items()}
    cli.main(["grade", str(table(tmp_path / "s.csv", rows)), str(answers)])
    assert capsys.readouterr().out == "RMSE 0.02000 (silver, below 0.02609)\n"


@pytest.mark.parametrize(
    ("score", "won"),
    [(0.01793, "gold"), (0.01794, "silver"), (0.02609, "bronze"), (0.04517, "no medal")],
)
def test_a_medal_is_for_less_than_its_limit(score: float, won: str) -> None:
    assert grade.medal(score).startswith(won)


def test_a_fault_in_a_later_piece_has_its_line(
    tmp_path: Path, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grade, "_PIECE", 11)
    rows: list[tuple[str, object]] = [("1_1_1", 0), ("1_1_2", 0), ("1_2_1", "white")]
    assert "line 4" in refusal(table(tmp_path / "s.csv", rows), answers)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (1 << 21, "lines 2 on: an id or a value out of range"),
        (1 << 63, "line 2 is"),
        (10**20, "line 2 is"),
    ],
)
def test_an_id_out_of_range_is_refused(
    tmp_path: Path, answers: Path, number: int, why: str
) -> None:
    assert why in refusal(table(tmp_path / "s.csv", {f"{number}_1_1": 0}), answers)
