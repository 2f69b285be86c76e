"""A hub of our own on 127.0.0.1: it serves a repository as huggingface.co does, and fails as a test asks for."""

import collections
import contextlib
import hashlib
import http.server
import json
import re
import threading
import time

COMMIT = "8227dddca75a8561bf858d604cc5dae52b954d01"


class Hub:
    """gated: files are refused; missing: names listed and answered 404; down: every answer is 503. token: the one that
    is valid; private: the repository needs it. says: (pattern of paths, status, message, headers) of an answer, a text
    for a page; hang: seconds before an answer. swap: {name: the bytes that are sent in place of a file's}; unranged:
    names that no part can be had of. drop: {name: bytes
    after which the connection is closed, once, and the hub is down}; cut: the same with a hub that stays. damage: names
    sent with a byte changed. served: bytes of each file that went out; ranges: (name, start) asked for."""

    def __init__(self, repo, files):
        self.repo, self.files, self.served = repo, files, collections.Counter()
        self.gated = self.down = self.private = False
        self.token, self.says, self.hang, self.swap, self.unranged = "hf_valid", None, 0, {}, set()
        self.missing, self.drop, self.cut, self.damage, self.ranges = set(), {}, {}, set(), []


def _about(content):
    about = {"size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
    if len(content) > 2000:  # large files, which the hub knows by their SHA-256
        about["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return about


def _handler(hub):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def start(self, status, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()

        def say(self, status, content, **headers):
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.start(
                status,
                Content_Type="text/html" if isinstance(content, str) else "application/json",
                Content_Length=len(body),
                **headers,
            )
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status, code):
            self.say(status, {"error": code}, X_Error_Code=code, X_Error_Message=code)

        def do_GET(self):
            path = self.path.split("?")[0]
            time.sleep(hub.hang)
            if hub.down:
                return self.refuse(503, "ServiceUnavailable")
            if hub.says and re.search(hub.says[0], path):
                _, status, message, headers = hub.says
                return self.say(status, {"error": message} if status >= 400 else message, **headers)
            login = self.headers.get("Authorization")
            if login not in (None, f"Bearer {hub.token}"):
                message = "Invalid credentials in Authorization header"
                return self.say(401, {"error": message}, X_Error_Message=message)
            self.unknown = 404 if login else 401
            if hub.private and not login:
                return self.refuse(401, "RepoNotFound")
            if info := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
                return self.listing(*info.groups())
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            if not file or file[1] != hub.repo:
                return self.refuse(self.unknown, "RepoNotFound")
            if file[2] not in ("main", COMMIT):
                return self.refuse(404, "RevisionNotFound")
            if hub.gated:
                return self.refuse(403, "GatedRepo")
            if file[3] not in hub.files or file[3] in hub.missing:
                return self.refuse(404, "EntryNotFound")
            self.file(file[3], hub.files[file[3]])

        do_HEAD = do_GET

        def listing(self, repo, revision):
            if repo != hub.repo:
                return self.refuse(self.unknown, "RepoNotFound")
            if revision not in (None, "main", COMMIT):
                return self.refuse(404, "RevisionNotFound")
            entries = [{"rfilename": name} | _about(content) for name, content in hub.files.items()]
            self.say(200, {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": entries, "tags": []})

        def file(self, name, content):
            about = _about(content)
            start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
            if start and name in hub.unranged:
                return self.refuse(416, "RangeNotSatisfiable")
            content = hub.swap.get(name, content)
            headers = {"ETag": f'"{about["lfs"]["sha256"] if "lfs" in about else about["blobId"]}"'}
            if start:
                hub.ranges.append((name, start))
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.start(206 if start else 200, X_Repo_Commit=COMMIT, Content_Length=len(content) - start, **headers)
            if self.command == "HEAD":
                return
            if name in hub.damage:
                content = content[:-1] + bytes([content[-1] ^ 1])
            end = len(content)
            if name in hub.drop:
                end, hub.down = start + hub.drop.pop(name), True
            elif name in hub.cut:
                end = hub.cut.pop(name)
            sent = content[start:end]
            self.wfile.write(sent)
            hub.served[name] += len(sent)
            if end < len(content):
                self.wfile.flush()
                self.close_connection = True

    return Handler


@contextlib.contextmanager
def serving(hub):
    """Serve a `Hub`; its `address` is to be put into HF_ENDPOINT."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        hub.address = f"http://127.0.0.1:{server.server_port}"
        yield hub
        server.shutdown()
        thread.join()
