"""A hub of our own on 127.0.0.1: it serves a repository as huggingface.co does, and fails in the ways a test asks for.

It speaks as much of the hub's HTTP interface as huggingface_hub 2 asks for here: the listing of a repository with
sizes and hashes, HEAD and GET of files with byte ranges, and the error codes in `X-Error-Code`.
"""

import collections
import contextlib
import hashlib
import http.server
import json
import re
import threading

COMMIT = "8227dddca75a8561bf858d604cc5dae52b954d01"


class Hub:
    """files: {name: bytes}; repo: its id. What a test sets before it asks:

    gated: files are refused; missing: names that are listed and answered 404; down: every answer is 503.
    drop: {name: bytes after which the connection is closed, once, and the hub is down from then on}.
    cut: {name: bytes}: the same, once, with a hub that stays. damage: names sent with a byte changed.
    served: bytes of each file that went out.
    """

    def __init__(self, repo, files):
        self.repo, self.files, self.served = repo, files, collections.Counter()
        self.gated = self.down = False
        self.missing, self.drop, self.cut, self.damage, self.ranges = set(), {}, {}, set(), []

    def listing(self):
        entries = [{"rfilename": name} | self._about(content) for name, content in self.files.items()]
        return {"id": self.repo, "modelId": self.repo, "sha": COMMIT, "siblings": entries, "tags": []}

    @staticmethod
    def _about(content):
        about = {"size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
        if len(content) > 2000:  # large files, which the hub knows by their SHA-256
            digest = hashlib.sha256(content).hexdigest()
            about["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
        return about


def _handler(hub):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def refuse(self, status, code, text=""):
            body = json.dumps({"error": text or code}).encode()
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", text or code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = self.path.split("?")[0]
            if hub.down:
                return self.refuse(503, "ServiceUnavailable")
            if info := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
                return self.listing(*info.groups())
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            if not file or file[1] != hub.repo:
                return self.refuse(401, "RepoNotFound")
            if file[2] not in ("main", COMMIT):
                return self.refuse(404, "RevisionNotFound")
            if hub.gated:
                return self.refuse(403, "GatedRepo", f"Access to model {hub.repo} is restricted")
            if file[3] not in hub.files or file[3] in hub.missing:
                return self.refuse(404, "EntryNotFound")
            self.file(file[3], hub.files[file[3]])

        def listing(self, repo, revision):
            if repo != hub.repo:
                return self.refuse(401, "RepoNotFound")
            if revision not in (None, "main", COMMIT):
                return self.refuse(404, "RevisionNotFound")
            body = json.dumps(hub.listing()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def file(self, name, content):
            about = hub._about(content)
            start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
            self.send_response(206 if start else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{about["lfs"]["sha256"] if "lfs" in about else about["blobId"]}"')
            self.send_header("Content-Length", str(len(content) - start))
            if start:
                hub.ranges.append((name, start))
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
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
    """Serve a `Hub`; gives its address, to be put into HF_ENDPOINT."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
