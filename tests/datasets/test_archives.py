"""Archives are read in place, and nothing in them is trusted."""

import gzip
import io
import resource
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import made_archives as made
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inkbench.datasets.reading import archives
from inkbench.datasets.reading.archives import ArchiveError

pytestmark = pytest.mark.usefixtures("workplace")

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
names = st.text("abé1=\n -", min_size=1, max_size=90).map("x/".__add__)


def written(content: bytes, name: str = "made.bin") -> Path:
    path = Path(name)
    path.write_bytes(content)
    return path


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "elsewhere"
    return info


@given(st.dictionaries(names, st.binary(max_size=1500), max_size=6), st.sampled_from(FORMATS))
def test_every_tar_format_is_read_as_tarfile_reads_it(files: made.Files, tar_format: int) -> None:
    path = written(made.tar_gz(files, tar_format))
    with tarfile.open(path) as archive:
        expected = [(i.name, archive.extractfile(i).read()) for i in archive]  # type: ignore[union-attr]
    assert list(archives.members(path)) == expected


@pytest.mark.parametrize("tar_format", FORMATS)
def test_long_names_are_read_whole(tar_format: int) -> None:
    files = {f"{'d' * 120}/{'n' * 90}.png": b"content"}
    path = written(made.tar_gz(files, tar_format))
    assert dict(archives.members(path)) == files


def test_a_tar_need_not_be_compressed() -> None:
    path = written(gzip.decompress(made.tar_gz({"a/b.png": b"content"})))
    assert dict(archives.members(path)) == {"a/b.png": b"content"}


def test_members_larger_than_a_chunk_come_whole() -> None:
    content = bytes(range(256)) * 12_000  # 3 MB, read in chunks of one
    path = written(made.tar_gz({"a.bin": content, "b.bin": b"next"}))
    assert dict(archives.members(path)) == {"a.bin": content, "b.bin": b"next"}


def test_the_digest_is_that_of_the_content_however_it_is_packed() -> None:
    files = {"d/b.png": b"2", "d/a.png": b"1", "d/c.png": b""}
    shuffled = dict(sorted(files.items()))
    digests = {
        archives.content_digest(written(packed))
        for packed in (
            made.tar_gz(files),
            made.tar_gz(shuffled, tarfile.USTAR_FORMAT),
            made.zipped(files),
        )
    }
    assert len(digests) == 1


def test_the_digest_changes_with_a_name_or_a_byte() -> None:
    variants = ({"a": b"1", "b": b"2"}, {"a": b"1", "c": b"2"}, {"a": b"1", "b": b"3"})
    assert len({archives.content_digest(written(made.zipped(files))) for files in variants}) == 3


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("../outside.png", "leads outside"),
        ("a/../../outside.png", "leads outside"),
        ("a\\..\\..\\outside.png", "leads outside"),
        ("/etc/passwd", "absolute"),
        ("C:/windows.png", "absolute"),
    ],
)
@pytest.mark.parametrize("pack", [made.tar_gz, made.zipped], ids=["tar", "zip"])
def test_a_member_that_leads_outside_is_refused(pack: object, name: str, complaint: str) -> None:
    path = written(pack({"fine.png": b"", name: b"x"}))  # type: ignore[operator]
    with pytest.raises(ArchiveError, match=complaint) as raised:
        list(archives.members(path))
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(kind: bytes) -> None:
    path = written(made.tar_of([header("A/link.png", kind=kind)]))
    with pytest.raises(ArchiveError, match=r"'A/link.png' is a link or a device"):
        list(archives.members(path))


def test_a_link_in_a_zip_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("train/2.png")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="is a link or a device"):
        list(archives.members(written(buffer.getvalue())))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_member_that_claims_gigabytes_is_refused_unread(kind: bytes) -> None:
    path = written(made.tar_of([header("A/huge.png", 5 * 2**30, kind)]))
    with pytest.raises(ArchiveError, match="5,368,709,120 bytes, more than"):
        list(archives.members(path))


@pytest.mark.parametrize("pack", [made.tar_gz, made.zipped], ids=["tar", "zip"])
def test_a_member_that_unpacks_to_more_than_allowed_is_refused(
    pack: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(pack({"A/bomb.png": bytes(3_000_000)}))  # type: ignore[operator]
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 1_000_000)
    with pytest.raises(ArchiveError, match="more than the 1,000,000 allowed"):
        list(archives.members(path))


def test_many_members_that_unpack_to_too_much_in_all_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = written(made.tar_gz({f"{at}.png": bytes(50_000) for at in range(9)}))
    monkeypatch.setattr(archives, "TOTAL_LIMIT", 200_000)
    with pytest.raises(ArchiveError, match="over 200,000 bytes"):
        list(archives.members(path))


def test_zeros_without_end_behind_the_last_member_are_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = gzip.decompress(made.tar_gz({"a.png": b"1"})) + bytes(8_000_000)
    monkeypatch.setattr(archives, "TOTAL_LIMIT", 1_000_000)
    with pytest.raises(ArchiveError, match="unpacks to more than allowed"):
        list(archives.members(written(gzip.compress(content))))


def test_a_zip_member_that_lies_about_its_size_is_damaged() -> None:
    honest = made.zipped({"a.png": bytes(100_000)})
    lying = honest.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(ArchiveError, match="damaged"):
        list(archives.members(written(lying)))


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("pack", [made.tar_gz, made.zipped], ids=["tar", "zip"])
def test_a_truncated_archive_is_damaged(pack: object, keep: float) -> None:
    content = pack(made.letter_files(2))  # type: ignore[operator]
    path = written(content[: int(keep * len(content))])
    with pytest.raises(ArchiveError, match="damaged or not an archive"):
        list(archives.members(path))


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 4])
def test_a_tar_cut_between_two_blocks_is_damaged(blocks: int) -> None:
    whole = gzip.decompress(made.tar_gz({"a.png": b"1" * 600, "b.png": b"2"}))
    with pytest.raises(ArchiveError, match="ends too early"):
        list(archives.members(written(whole[: 512 * blocks])))


def test_a_negative_size_is_refused() -> None:
    block = bytearray(header("A/a.png", 5).tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"-0000000777\0"
    with pytest.raises(ArchiveError, match="-511 bytes"):
        list(archives.members(written(bytes(block) + bytes(2048))))


def test_one_flipped_bit_in_a_tar_gz_is_noticed() -> None:
    content = bytearray(made.tar_gz({"a.png": bytes(range(256)) * 40}))
    content[-6] ^= 1  # of gzip's checksum at the very end
    with pytest.raises(ArchiveError, match="damaged"):
        list(archives.members(written(bytes(content))))


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x1f\x8b\x08", b"PK\x05\x06"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveError, match="damaged or not an archive"):
        list(archives.members(written(content)))


def test_a_tar_of_zeros_is_empty() -> None:
    assert list(archives.members(written(bytes(5000)))) == []


@given(st.binary(max_size=2000))
def test_garbage_is_refused_in_one_line(garbage: bytes) -> None:
    path = written(gzip.compress(garbage))
    assume(garbage.strip(b"\0"))  # zeros are the end of an archive, and an empty one is one
    with pytest.raises(ArchiveError) as refused:
        list(archives.members(path))
    assert "\n" not in str(refused.value)


def test_gunzip_stops_at_its_limit() -> None:
    path = written(gzip.compress(bytes(10_000)))
    assert len(archives.gunzip(path, 10_000)) == 10_000
    with pytest.raises(ArchiveError, match="unpacks to more than 9,999 bytes"):
        archives.gunzip(path, 9_999)


def test_a_header_that_unpacks_to_a_gigabyte_is_refused_in_little_memory() -> None:
    """Where `tarfile` would read the long name whole, here under a limit of the address space."""
    with gzip.open("bomb.tar.gz", "wb", 1) as bomb:
        bomb.write(header("x", 2**30, tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT))
        for _ in range(64):
            bomb.write(b"x" * 2**20)
    code = (
        "from pathlib import Path; from inkbench.datasets.reading import archives\n"
        "try: list(archives.members(Path('bomb.tar.gz')))\n"
        "except archives.ArchiveError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)),
    )
    assert "1,073,741,824 bytes" in run.stdout, run.stderr
