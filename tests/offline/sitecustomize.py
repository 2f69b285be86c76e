"""No network in tests but loopback: Python imports this file by itself, in every process with its folder on the path.

conftest.py puts the folder there; so the kernels of notebooks and the commands that tests start are held to it too.
"""

import gc
import ipaddress
import socket

gc.set_threshold(100_000, 50, 100)  # imports are a tenth faster when it looks for garbage less often

_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo


def _is_here(host):
    if host in ("localhost", "", None):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
        raise ConnectionRefusedError(f"tests use no network: got a connection to {address[0]}, expected loopback")
    return _connect(self, address)


def getaddrinfo(host, *args, **kwargs):
    if not _is_here(host.decode() if isinstance(host, bytes) else host):
        raise socket.gaierror(f"tests use no network: got a look-up of {host}, expected loopback")
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = connect
socket.getaddrinfo = getaddrinfo
