"""`inkbench grade`: scores as MLE-bench's grader, accepts what pandas reads, one-line errors."""

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pytest

from helpers import inkbench
from inkbench import grade
from inkbench.errors import InkbenchError

ANSWERS = {"1_1_1": 0.0, "1_1_2": 1.0, "1_2_1": 0.5, "12_1_1": 0.25}
VALID = "id,value\n1_1_1,0.5\n1_1_2,0.5\n1_2_1,0.5\n12_1_1,0.5\n"


def write_table(path: Path, rows: dict[str, float]) -> Path:
    path.write_text("id,value\n" + "".join(f"{key},{value}\n" for key, value in rows.items()))
    return path


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    return write_table(tmp_path / "answers.csv", ANSWERS)


def error_message(submission: Path, answers: Path) -> str:
    with pytest.raises(InkbenchError) as raised:
        grade.grade(submission, answers)
    message = str(raised.value)
    assert message.startswith(f"{submission}: ") and "\n" not in message
    return message


def test_grade_pools_all_rows_in_any_order(tmp_path, answers):
    rows = {"12_1_1": 0.25, "1_2_1": 0.9, "1_1_1": 3e-1, "1_1_2": 1}
    score = grade.grade(write_table(tmp_path / "s.csv", rows), answers)
    assert score == pytest.approx(np.sqrt((0.4**2 + 0.3**2) / 4))


def zipped(text: bytes, *names: str) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for name in names:
            archive.writestr(name, text if "._" not in name else b"\0macOS")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.csv.gz", gzip.compress(VALID.encode())),
        ("s.csv.bz2", bz2.compress(VALID.encode())),
        ("s.csv.xz", lzma.compress(VALID.encode())),
        ("s.zip", zipped(VALID.encode(), "submission.csv")),
        ("upper-case.zip", zipped(VALID.encode(), "S.CSV")),
        ("macos.zip", zipped(VALID.encode(), "s.csv", "__MACOSX/._s.csv", "__MACOSX/s.csv")),
        ("folder.zip", zipped(VALID.encode(), "./out/", "./out/s.csv", "out/.~lock.s.csv#")),
        ("other-suffix.zip", zipped(VALID.encode(), "submission")),
        ("S.CSV", VALID.encode()),
        ("windows.csv", b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode()),
        ("old-macos.csv", (VALID + "2_1_1,0.5\n" * 200).replace("\n", "\r").encode()),
        ("no-last-newline.csv", VALID.rstrip().encode()),
        ("blank-lines.csv", VALID.replace("\n1_2", "\n\n1_2").encode() + b"\n\n"),
        ("quoted.csv", VALID.replace("1_1_2,0.5", '"1_1_2","0.5"').encode()),
        ("other-columns.csv", VALID.replace("\n", ",7\n").replace("value,7", "value,n").encode()),
    ],
)
def test_read_accepts_what_pandas_reads(name, content, tmp_path, answers):
    (tmp_path / name).write_bytes(content)
    table = grade.read(tmp_path / name)
    values = dict(zip(table["id"], table["value"], strict=True))
    assert {key: values[key] for key in ANSWERS} == dict.fromkeys(ANSWERS, 0.5)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("", "id,value"),
        ("image,value\n1_1_1,0\n", "id,value"),
        ("id,value\n", "no rows"),
        (VALID.replace("1_1_2,0.5", "1_1_2"), "1_1_2"),
        (VALID.replace("1_1_2,0.5", "1_1_2,"), "1_1_2"),
        (VALID.replace("1_1_2,0.5", "1_1_2,nan"), "1_1_2"),
        (VALID.replace("1_1_2,0.5", "1_1_2,inf"), "1_1_2"),
        (VALID.replace("1_1_2,0.5", "1,1,2,0.5"), "differ"),
        (VALID.replace("1_1_2,0.5", "1_1_2,white"), "white"),
        (VALID.replace("1_1_2,0.5", "1_1_2," + "9" * 2000), "1,000 bytes"),
        ("id,value\n1_1_1,0\n", "1 rows"),
        (VALID.replace("1_1_2", "1_1_3"), "1_1_3"),
        (VALID.replace("1_1_2", "1_1_1"), "1_1_1"),
    ],
)
def test_grade_rejects_malformed_tables(content, fact, tmp_path, answers):
    path = tmp_path / "s.csv"
    path.write_text(content)
    assert fact in error_message(path, answers).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(VALID.encode())[:20],
        zipped(VALID.encode(), "s.csv").replace(b"1_1_2,0.5", b"1_1_2,0.9"),  # wrong checksum
        zipped(VALID.encode(), "a.csv", "b.csv"),
        zipped(b"Read me.", "readme.txt"),
        zipped(VALID.encode(), "a.txt", "b.txt"),
        lzma.compress(VALID.encode())[:40],
        b"PK\x03\x04 not a zip",
        bytes(range(256)) * 20,
        b"\xff\xfe",
    ],
)
def test_grade_rejects_damaged_files(content, tmp_path, answers):
    (tmp_path / "bad").write_bytes(content)
    assert error_message(tmp_path / "bad", answers)


def test_grade_names_a_missing_file(tmp_path, answers):
    assert "No such file" in error_message(tmp_path / "missing", answers)


@pytest.mark.parametrize("compress", [gzip.compress, lambda text: zipped(text, "s.csv")])
def test_read_stops_at_a_decompression_bomb(compress, tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "_MAX_BYTES", 1_000_000)
    (tmp_path / "bomb").write_bytes(compress(b"id,value\n" + b"1_1_1,0\n" * 1_000_000))
    assert "1 MB" in error_message(tmp_path / "bomb", tmp_path / "bomb")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_read_refuses_a_packing_without_a_bound(packing, tmp_path, answers):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", packing) as archive:
        archive.writestr("s.csv", VALID)
    assert "deflate" in error_message(tmp_path / "bomb.zip", answers)


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (0.017944, "gold"),
        (0.017946, "silver"),
        (0.0261, "bronze"),
        (0.04518, "no medal; bronze"),
        (2.5, "no medal; values"),
    ],
)
def test_medal_rounds_the_score_as_mle_bench_does(score, name):
    assert grade.medal(score).startswith(name)


def test_command_prints_score_and_medal(tmp_path, answers, capsys):
    rows = {key: value + 0.02 for key, value in ANSWERS.items()}
    submission = write_table(tmp_path / "s.csv", rows)
    assert inkbench("grade", str(submission), str(answers)) == 0
    output = capsys.readouterr().out
    assert "0.02000" in output and "silver" in output
