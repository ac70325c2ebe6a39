"""Archives are read in place, and nothing in them is trusted."""

import gzip
import io
import resource
import stat
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import made_archives as made
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inkbench.datasets.reading import archives
from inkbench.datasets.reading.archives import ArchiveError

pytestmark = pytest.mark.usefixtures("workplace")

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
Pack = Callable[[made.Files], bytes]
names = st.text("abé1=\n -", min_size=1, max_size=90).map("x/".__add__)
both = pytest.mark.parametrize("pack", [made.tar_gz, made.zipped], ids=["tar", "zip"])


def written(content: bytes) -> Path:
    path = Path("made.bin")
    path.write_bytes(content)
    return path


def read(content: bytes) -> dict[str, bytes]:
    return dict(archives.members(written(content)))


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "elsewhere"
    return info


@given(st.dictionaries(names, st.binary(max_size=1500), max_size=6), st.sampled_from(FORMATS))
def test_members_reads_every_tar_format(files, tar_format):
    assert read(made.tar_gz(files, tar_format)) == files


@pytest.mark.parametrize(
    "files",
    [
        {f"{'d' * 120}/{'n' * 90}.png": b"content"},
        {"a.bin": bytes(range(256)) * 12_000, "b.bin": b"next"},
    ],
    ids=["long-name", "large-member"],
)
def test_members_reads_long_names_and_large_members(files):
    for tar_format in FORMATS[1:]:
        assert read(made.tar_gz(files, tar_format)) == files
    assert read(gzip.decompress(made.tar_gz(files))) == read(made.zipped(files)) == files


def test_content_digest_does_not_depend_on_packing():
    files = {"d/b.png": b"2", "d/a.png": b"1", "d/c.png": b""}
    from_macos = {"./d/._a.png": b"fork", "d/__MACOSX/x": b"x", "././.DS_Store": b"x"}
    from_windows = {"d\\Thumbs.db": b"x", "desktop.ini": b"x"}
    packed = (
        made.tar_gz(files),
        made.tar_gz(dict(sorted(files.items())), tarfile.USTAR_FORMAT),
        made.tar_gz({f"./{name}": content for name, content in files.items()} | from_macos),
        made.tar_gz({f".//./{name}".replace("d/", "d/./"): files[name] for name in files}),
        made.zipped(files),
        made.zipped({name.replace("/", "\\"): files[name] for name in files} | from_windows),
    )
    assert len({archives.content_digest(written(content)) for content in packed}) == 1


def test_content_digest_changes_with_a_name_or_a_byte():
    variants = ({"a": b"1", "b": b"2"}, {"a": b"1", "c": b"2"}, {"a": b"1", "b": b"3"})
    assert len({archives.content_digest(written(made.zipped(files))) for files in variants}) == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside.png", "leads outside"),
        ("a/../../outside.png", "leads outside"),
        ("a\\..\\..\\outside.png", "leads outside"),
        ("/etc/passwd", "absolute"),
        ("C:/windows.png", "absolute"),
    ],
)
@both
def test_members_refuses_name_that_leads_outside(pack, name, reason):
    with pytest.raises(ArchiveError, match=rf"made\.bin.*{reason}"):
        read(pack({"fine.png": b"", name: b"x"}))


def zip_with_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("A/link.png")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        *(
            made.tar_of([header("A/link.png", kind=kind)])
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
        ),
        zip_with_link(),
    ],
    ids=["symlink", "hard link", "device", "fifo", "symlink in a zip"],
)
def test_members_refuses_links_and_devices(content):
    with pytest.raises(ArchiveError, match=r"'A/link.png' is a link, a device"):
        read(content)


def sparse_tar(kind: str, holes: int) -> bytes:
    """A tar with a member of ``holes`` bytes that are not stored, in GNU's or PAX's way."""
    info = header("A/sparse.png", kind=tarfile.GNUTYPE_SPARSE if kind == "gnu" else tarfile.REGTYPE)
    if kind == "pax":
        sizes = {"GNU.sparse.size": str(holes), "GNU.sparse.map": f"{holes},0"}
        info.pax_headers = {"GNU.sparse.numblocks": "1", **sizes}
        return info.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (holes, 0)
    block[483:495] = b"%011o\0" % holes
    block[148:156] = b"%06o\0 " % (256 + sum(block[:148]) + sum(block[156:]))  # checksum
    return bytes(block) + bytes(1024)


@pytest.mark.parametrize("kind", ["gnu", "pax"])
def test_members_refuses_a_member_with_holes(kind):
    with pytest.raises(ArchiveError, match=r"'A/sparse.png' is .* sparse"):
        read(sparse_tar(kind, 10_000))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_members_refuses_declared_gigabytes_without_reading(kind):
    with pytest.raises(ArchiveError, match="5,368,709,120 bytes, more than"):
        read(made.tar_of([header("A/huge.png", 5 * 2**30, kind)]))


@both
def test_members_refuses_large_member(pack, monkeypatch):
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 1_000_000)
    with pytest.raises(ArchiveError, match="more than the 1,000,000 allowed"):
        read(pack({"A/bomb.png": bytes(3_000_000)}))


@both
def test_members_refuses_large_total(pack, monkeypatch):
    monkeypatch.setattr(archives, "TOTAL_LIMIT", 200_000)
    with pytest.raises(ArchiveError, match="200,000 bytes"):
        read(pack({f"{at}.png": bytes(50_000) for at in range(9)}))


def test_members_refuses_endless_zeros_after_the_last_member(monkeypatch):
    content = gzip.decompress(made.tar_gz({"a.png": b"1"})) + bytes(8_000_000)
    monkeypatch.setattr(archives, "TOTAL_LIMIT", 1_000_000)
    with pytest.raises(ArchiveError, match="more than the 1,000,000 bytes allowed"):
        read(gzip.compress(content))


def lying_zip() -> bytes:
    """A zip with a member that unpacks to more than its header declares."""
    honest = made.zipped({"a.png": bytes(100_000)})
    lying = honest.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != honest
    return lying


def with_flipped_bit() -> bytes:
    content = bytearray(made.tar_gz({"a.png": bytes(range(256)) * 40}))
    content[-6] ^= 1  # of gzip's checksum at the very end
    return bytes(content)


def with_bad_header() -> bytes:
    """A tar with garbage in the place of its second header."""
    tar = gzip.decompress(made.tar_gz({"a.png": b"1", "b.png": b"2"}, tarfile.GNU_FORMAT))
    return tar[:1024] + b"?" * 512 + tar[1536:]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\x1f\x8b\x08",
        b"PK\x05\x06",
        lying_zip(),
        with_flipped_bit(),
        with_bad_header(),
    ],
)
def test_members_refuses_damaged_archive(content):
    with pytest.raises(ArchiveError, match="damaged or not an archive"):
        read(content)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_members_unpacks_no_more_than_a_zip_declares(packing):
    with zipfile.ZipFile(file := io.BytesIO(), "w", packing) as archive:
        archive.writestr("a.png", bytes(100_000_000))
    lying = file.getvalue().replace((100_000_000).to_bytes(4, "little"), b"\x0a\0\0\0")
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="damaged"):
        read(lying)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
@both
def test_members_refuses_truncated_archive(pack, keep):
    content = pack(made.letter_files(2))
    with pytest.raises(ArchiveError, match="damaged or not an archive"):
        read(content[: int(keep * len(content))])


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 4])
def test_members_refuses_tar_truncated_between_blocks(blocks):
    tar = gzip.decompress(made.tar_gz({"a.png": b"1" * 600, "b.png": b"2"}, tarfile.GNU_FORMAT))
    with pytest.raises(ArchiveError, match="damaged"):
        read(tar[: 512 * blocks])


def test_members_refuses_negative_size():
    block = bytearray(header("A/a.png", 5).tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"-0000000777\0"
    block[148:156] = b"%06o\0 " % (256 + sum(block[:148]) + sum(block[156:]))  # checksum
    with pytest.raises(ArchiveError, match="-511 bytes"):
        read(bytes(block) + bytes(2048))


@given(st.binary(max_size=2000))
def test_members_refuses_garbage_in_one_line(garbage):
    assume(garbage.strip(b"\0"))  # zeros are an empty archive
    with pytest.raises(ArchiveError) as refused:
        read(gzip.compress(garbage))
    assert "\n" not in str(refused.value)


def test_gunzip_stops_at_its_limit():
    path = written(gzip.compress(bytes(10_000)))
    assert len(archives.gunzip(path, 10_000)) == 10_000
    with pytest.raises(ArchiveError, match="more than 9,999 bytes"):
        archives.gunzip(path, 9_999)


def test_members_refuses_gigabyte_header_in_little_memory():
    """`tarfile` alone would read the long name, here in a limited address space."""
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
