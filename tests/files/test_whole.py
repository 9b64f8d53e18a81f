"""Files appear whole or not at all, in the folder in which they were begun, and without being asked over nothing."""

import errno
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from lsnn.errors import InputError, StoreError
from lsnn.files import whole
from lsnn.files.whole import write_whole, writing

CLONE = Path(__file__).parents[2]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=CLONE)


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "figure.png"
    for content in (b"old", b"new and longer", b""):
        assert write_whole(path, content).read_bytes() == content
    assert names(tmp_path) == ["figure.png"]


@pytest.mark.parametrize("call", ["os.fsync", "os.replace"])
def test_a_disk_that_fills_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = write_whole(tmp_path / "figure.png", b"old")

    def full(*_, **__) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(call, full)
    with pytest.raises(StoreError, match="figure.png: cannot be written: No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and names(tmp_path) == ["figure.png"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = write_whole(tmp_path / "figure.png", b"old")
    program = """
        import resource, sys
        from lsnn.errors import StoreError
        from lsnn.files.whole import write_whole

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        try:
            write_whole(sys.argv[1], bytes(1000))
        except StoreError as error:
            print(error)
    """
    done = run_python(program, path)
    assert (done.returncode, done.stderr) == (0, "") and "figure.png: cannot be written: File too large" in done.stdout
    assert path.read_bytes() == b"old" and names(tmp_path) == ["figure.png"]


def test_a_folder_without_room_for_a_name_is_the_fault_of_the_disk(tmp_path, monkeypatch):
    opened = os.open

    def full(path, flags, *arguments, **options):
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StoreError, match="No space left"):
        write_whole(tmp_path / "a", b"")


# Nothing is written over unless that is asked for


def test_what_is_there_is_not_written_over(tmp_path):
    path = write_whole(tmp_path / "a", b"first", overwrite=False)
    with pytest.raises(InputError, match="a: must not exist yet"):
        write_whole(path, b"second", overwrite=False)
    assert path.read_bytes() == b"first" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("links", [True, False])
def test_what_came_meanwhile_is_not_written_over(tmp_path, monkeypatch, links):
    """On file systems without hard links as well."""

    def no_links(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = write_whole(tmp_path / "a", b"own", overwrite=False)
    assert path.read_bytes() == b"own" and names(tmp_path) == ["a"]
    path.unlink()
    with pytest.raises(InputError, match="a: must not exist yet, was made by another process meanwhile"):
        with writing(path, overwrite=False) as sink:
            sink.write(b"late")
            path.write_bytes(b"early")
    assert path.read_bytes() == b"early" and names(tmp_path) == ["a"]


def test_a_second_writer_is_told_at_once(tmp_path):
    with writing(tmp_path / "a", overwrite=False) as first:
        with pytest.raises(InputError, match="a: another process is writing it"):
            write_whole(tmp_path / "a", b"second", overwrite=False)
        write_whole(tmp_path / "b", b"of another name", overwrite=False)
        first.write(b"first")
    assert (tmp_path / "a").read_bytes() == b"first" and names(tmp_path) == ["a", "b"]


def test_of_many_writers_at_once_one_or_none_succeeds(tmp_path):
    succeeded: list[int] = []

    def write(number: int) -> None:
        try:
            write_whole(tmp_path / "a", b"%d" % number, overwrite=False)
            succeeded.append(number)
        except InputError:
            pass

    for _ in range(20):
        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(succeeded) <= 1 and names(tmp_path) == (["a"] if succeeded else [])
        if succeeded:
            assert (tmp_path / "a").read_bytes() == b"%d" % succeeded.pop()
            (tmp_path / "a").unlink()


# What killed processes leave


KILLED = """
    import os, signal, sys
    from lsnn.files.whole import writing

    with writing(sys.argv[1]) as sink:
        sink.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_removed_by_the_next_in_the_folder(tmp_path):
    path = write_whole(tmp_path / "a", b"old")
    assert run_python(KILLED, path).returncode == -9
    assert len(names(tmp_path)) == 2 and path.read_bytes() == b"old"
    write_whole(tmp_path / "b", b"new")
    assert names(tmp_path) == ["a", "b"]


def test_what_is_no_draft_is_left_alone(tmp_path):
    (tmp_path / ".notes.partial").write_text("mine")
    (tmp_path / ".a.01234567.partial").symlink_to(tmp_path / ".notes.partial")
    os.mkfifo(tmp_path / ".p.01234567.partial")
    with writing(tmp_path / "a") as first:
        write_whole(tmp_path / "b", b"")
        first.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert {".notes.partial", ".a.01234567.partial", "a", "b"} <= set(names(tmp_path))


def test_a_draft_taken_for_an_orphan_is_begun_again(tmp_path, monkeypatch):
    """Between its creation and its lock another process may remove it."""
    locked, lock = [], whole.lock

    def taken(descriptor):
        if not locked:
            locked.extend(names(tmp_path))
            (tmp_path / locked[0]).unlink()
        return lock(descriptor)

    monkeypatch.setattr(whole, "lock", taken)
    assert write_whole(tmp_path / "a", b"whole").read_bytes() == b"whole"
    assert names(tmp_path) == ["a"] and locked[0].endswith(".partial")


# Links and folders


def test_a_link_is_followed(tmp_path):
    (tmp_path / "far").mkdir()
    link = tmp_path / "link"
    link.symlink_to(Path("far") / "file")
    write_whole(link, b"a")
    assert link.is_symlink() and (tmp_path / "far" / "file").read_bytes() == b"a"


def test_a_folder_that_was_exchanged_is_not_written_into(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(StoreError, match="run/a: .*moved or exchanged meanwhile; the new file is in the former one"):
        with writing(folder / "a") as sink:
            sink.write(b"whole")
            folder.rename(tmp_path / "moved")
            folder.mkdir()
    assert (tmp_path / "moved" / "a").read_bytes() == b"whole"
    assert names(folder) == [] and names(tmp_path / "moved") == ["a"]


def test_a_folder_that_is_held_is_written_into_whatever_its_name_means(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    held = os.open(folder, os.O_RDONLY)
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path)
    with pytest.raises(StoreError, match="moved or exchanged meanwhile"):
        write_whole(folder / "a", b"whole", folder=held)
    assert names(tmp_path / "moved") == ["a"] and names(tmp_path) == ["moved", "run"]
    folder.unlink()
    (tmp_path / "moved").rename(folder)
    write_whole(folder / "a", b"again", folder=held)
    os.close(held)
    assert (folder / "a").read_bytes() == b"again"


def test_a_folder_that_is_gone_is_an_error(tmp_path):
    (tmp_path / "run").mkdir()
    held = os.open(tmp_path / "run", os.O_RDONLY)
    (tmp_path / "run").rmdir()
    with pytest.raises(InputError, match="its folder must be writable, got: No such file or directory"):
        write_whole(tmp_path / "run" / "a", b"", folder=held)
    os.close(held)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("absent/a", "its folder must exist, got .*absent"),
        ("", "must be a regular file, got a folder"),
        ("file/a", "its folder must exist|must be a place for a file"),
        ("n" * 300, "must be a place for a file, got: .*File name too long"),
        ("n" * 245, "its folder must be writable, got: File name too long"),
        ("a\0b", "must be a place for a file, got: embedded null"),
        ("pipe", "must be a regular file, got a device or pipe"),
    ],
)
def test_places_that_cannot_hold_a_file(tmp_path, place, message):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=message):
        write_whole(tmp_path / place, b"")
