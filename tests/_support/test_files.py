import os
import subprocess
import sys
import time

from t2v_helpers._support.files import write_whole

FILL = """
import errno, resource, signal, sys
from t2v_helpers._support.files import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_whole(sys.argv[1], b"x" * 2000)
except OSError as error:
    print(error.errno == errno.EFBIG, error)
"""
FOR_EVER = """
import sys
from t2v_helpers._support.files import write_whole
while True:
    write_whole(sys.argv[1], sys.argv[2].encode() * 200_000)
"""


def test_writes_and_replaces_and_follows_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"one")
    write_whole(tmp_path / "file", b"two")
    assert (tmp_path / "link").read_bytes() == b"two" and (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


def test_a_disk_that_is_full_leaves_the_old_file_alone(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", FILL, tmp_path / "file"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("True") and "file was not written" in done.stdout and done.stdout.count("\n") == 1
    assert (tmp_path / "file").read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_two_writers_that_are_killed_leave_one_whole_file(tmp_path):
    path = tmp_path / "file"
    writers = [subprocess.Popen([sys.executable, "-c", FOR_EVER, path, letter]) for letter in "ab"]
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    for writer in writers:
        writer.kill()
        writer.wait()
    data = path.read_bytes()
    assert len(data) == 200_000 and len(set(data)) == 1
