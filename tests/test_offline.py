"""That the tests' fence around the network stands, here and in what tests start."""

import socket
import subprocess
import sys

import pytest

FAR = ("192.0.2.1", 80)  # reserved for documentation: nobody is there


def test_this_process_cannot_leave_the_machine():
    with socket.socket() as s, pytest.raises(ConnectionRefusedError, match="tests use no network"):
        s.connect(FAR)
    with pytest.raises(socket.gaierror, match="tests use no network"):
        socket.getaddrinfo("huggingface.co", 443)


def test_nor_can_a_process_that_it_starts():
    code = f"import socket; socket.socket().connect({FAR!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "tests use no network" in done.stderr


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as s:
        s.connect(server.getsockname())
