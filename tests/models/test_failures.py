"""What a download can meet on its way is told as what it is: a hub on loopback fails, and a disk is emulated."""

import errno
import os
import re
import socket
import ssl
import types

import fake_hub
import pytest

from t2v_helpers.models import failures, hub
from t2v_helpers.models.registry import Model

REPO, UNET = fake_hub.REPO, "unet/diffusion_pytorch_model.fp16.safetensors"
INDEX, EVIL = "model_index.json", b'{"_class_name": "Evil"}'
NOWHERE = "no folder here, and the hub has no model of this name, or hides it"
MISSING = f"ConnectionError {REPO} is no folder here and not in the hub's cache, and "
TINY = "(what was downloaded is kept, and the model 'tiny' needs no network)"
ALL, API, FILE = "", "^/api/", "/resolve/.*fp16"


def says(status, message="", on=ALL, **headers):
    headers |= {"X_Error_Message": message} if message and "\n" not in message and status >= 400 else {}
    return lambda served: setattr(served, "says", (on, status, message, headers))


def having(**values):
    return lambda served: [setattr(served, name, value) for name, value in values.items()]


def without(pattern):
    return lambda served: [served.files.pop(name) for name in [*served.files] if re.search(pattern, name)]


STALE, VALID = {"HF_TOKEN": "hf_stale"}, {"HF_TOKEN": "hf_valid"}
TOKEN = "the token in the variable HF_TOKEN"
RENEW = "make a new one at hf.co/settings/tokens, or remove it, since public models need none"
PROXY = "correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
GATED = f"ValueError {REPO} is gated: accept its terms at hf.co/{REPO}"
UNKNOWN = f"ValueError {REPO!r} is {NOWHERE}"
REFUSED = f"ValueError the hub refuses {REPO}"
PICKLES = "has only pickled weights (pytorch_model.bin), which are not opened because they can run any code: expected"
OFFLINE = "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set, so nothing is fetched: unset it and restart Python"
CUT = "the connection to the hub broke off (Consistency check failed"

TABLE = [
    ("a stale token", None, STALE, f"not accept {TOKEN} (Invalid credentials in Authorization header): {RENEW}"),
    ("its older name", None, {"HUGGING_FACE_HUB_TOKEN": "hf_stale"}, "the variable HUGGING_FACE_HUB_TOKEN (Invalid"),
    (
        "an expired one",
        says(401, "User Access Token is expired", API),
        VALID,
        f"{TOKEN} (User Access Token is expired)",
    ),
    ("at a file alone", says(401, "Invalid username", "/resolve/"), VALID, f"not accept {TOKEN} (Invalid username"),
    ("copied with dots", None, {"HF_TOKEN": "hf_a…"}, f"ValueError {TOKEN} has characters that no token has: copy it"),
    ("no right", says(403, "Forbidden", API), VALID, f"{REFUSED} (403, Forbidden): does {TOKEN} have the right to"),
    ("private", having(private=True), {}, f"{UNKNOWN} until you run 'hf auth login'"),
    ("unknown, with a token", having(repo="org/other"), VALID, f"{UNKNOWN} from {TOKEN}"),
    ("gated", having(gated=True), {}, f"{GATED}, then run 'hf auth login'"),
    ("gated, with a token", having(gated=True), VALID, f"{GATED} with the account of {TOKEN}"),
    ("disabled", says(403, "This resource is disabled."), {}, f"{REFUSED} (403, This resource is disabled.): is a"),
    ("against a law", says(451, "Legal"), {}, f"{REFUSED} (451, Legal): is a proxy or the hub's owner in the way?"),
    (
        "listed, not there",
        lambda served: served.missing.add(UNET),
        {},
        f"FileNotFoundError {REPO} on the hub has no {UNET}",
    ),
    ("no pipeline", without("model_index"), {}, f"{REPO} on the hub is not a pipeline: it has no model_index.json"),
    ("pickles alone", without("safetensors"), {}, PICKLES),
    ("another class", lambda served: served.files.update({INDEX: EVIL}), {}, "'Evil', expected TextToVideoSDPipeline"),
    (
        "too often",
        says(429, "Slow down", API, Retry_After=17),
        {},
        f"{MISSING}the hub limits how often you may ask (429",
    ),
    ("in seconds", says(429, "", API, RateLimit='"api";r=0;t=55'), {}, "try again in 55 s, or run 'hf auth login'"),
    ("at a file", says(429, "Too many", FILE), {}, "(429, Too many)"),
    ("down", having(down=True), {}, "the hub answers 503 (ServiceUnavailable)"),
    ("broken", says(500, "Internal", FILE), {}, "the hub answers 500 (Internal)"),
    ("bad gateway", says(502, "", API), {}, "the hub answers 502 (Bad Gateway)"),
    ("offline", None, {"HF_HUB_OFFLINE": "1"}, f"{MISSING}{OFFLINE} {TINY}"),
    ("offline too", None, {"HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "1"}, OFFLINE),
    (
        "refused",
        None,
        {"HF_ENDPOINT": "http://127.0.0.1:9"},
        "refuses the connection (HF_ENDPOINT is http://127.0.0.1:9)",
    ),
    ("no DNS", None, {"HF_ENDPOINT": "http://hub.invalid"}, "the hub's address cannot be looked up (no DNS) (HF_END"),
    ("no TLS", None, {"HF_ENDPOINT": "https://"}, "the hub's certificate is not trusted"),
    ("too slow", having(hang=1.5), {"HF_HUB_ETAG_TIMEOUT": "1"}, "the hub did not answer in time"),
    ("no address", None, {"HF_ENDPOINT": "huggingface.co"}, "HF_ENDPOINT is no address (Request URL is missing an"),
    ("another site", says(404), {}, "what answers is not the hub (HF_ENDPOINT is http://127.0.0.1:"),
    ("a page to log in", says(200, "<html>Welcome to our hotel</html>"), {}, f"{MISSING}what answers is not the hub"),
    ("at the files", says(200, "<html>", "/resolve/"), {}, "what answers is not the hub"),
    (
        "proxy down",
        None,
        {"HTTP_PROXY": "http://me:secret@127.0.0.1:9", "NO_PROXY": ""},
        "the proxy http://127.0.0.1:9",
    ),
    ("proxy's login", says(407), {}, "the proxy requires a login (407, Proxy Authentication Required)"),
    ("unknown kind", None, {"ALL_PROXY": "gopher://127.0.0.1:9"}, PROXY),
    ("needs a package", None, {"ALL_PROXY": "socks5://127.0.0.1:9"}, PROXY),
    ("too short", lambda served: served.swap.update({UNET: b"x" * 5000}), {}, CUT),
    ("damaged", lambda served: served.damage.add(UNET), {}, f"{REPO}/{UNET} arrived damaged and was thrown away: try"),
]


@pytest.mark.parametrize(("setup", "environment", "said"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_failure_is_told_as_what_it_is(locate, served, setup, environment, said):
    if setup:
        setup(served)
    if environment.get("HF_ENDPOINT") == "https://":
        environment = {"HF_ENDPOINT": served.address.replace("http", "https")}
    line, _ = locate(**environment)
    assert said in line and "secret" not in line and not any(name.endswith(".bin") for name in served.served)


def test_a_token_in_a_file_is_named_by_its_file(locate, tmp_path):
    (tmp_path / "token").write_text("hf_stale\n")
    line, _ = locate(HF_TOKEN_PATH=str(tmp_path / "token"))
    assert line.startswith(f"ValueError the hub does not accept the token in the file {tmp_path}/token (Invalid cred")


def test_no_such_repository_revision_or_name(locate):
    assert locate("org/name")[0] == f"ValueError 'org/name' is {NOWHERE} until you run 'hf auth login'"
    assert locate(revision="0" * 40)[0] == f"ValueError {REPO} on the hub has no revision {'0' * 40}"
    assert locate("org/na--me")[0].startswith("ValueError 'org/na--me' is no folder here, and no name that a model")


def test_no_space_is_reported_before_anything_large_is_fetched(locate, served, tmp_path):
    line, _ = locate(REPO, fake_hub.REVISION, 1000)
    why = (
        "for 10 files (0.00 GB are needed and 0.00 GB are free): free some, or set HF_HOME to a folder on another disk"
    )
    assert line == f"OSError no space left in {tmp_path} {why}"
    assert set(served.served) == {"model_index.json"}


@pytest.mark.parametrize("file", ["hub", "hub/models--ali-vilab--text-to-video-ms-1.7b"])
def test_a_cache_that_is_a_file(locate, served, tmp_path, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("not a folder")
    line, _ = locate(HF_HUB_CACHE=str(tmp_path / "hub"))
    assert re.match(
        rf"OSError {tmp_path}/hub\S* is a file, but the cache needs a folder there \(.*\): move it away", line
    )
    assert not served.served


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "no space left in /cache for unet (No space left on device): free some, or set HF_HOME to"),
        (errno.EDQUOT, "no space left in /cache for unet (Disk quota exceeded): free some"),
        (errno.EROFS, "/cache/x may not be used (Read-only file system): change its permissions, or set HF_HOME"),
        (errno.EACCES, "/cache/x may not be used (Permission denied)"),
        (errno.EPERM, "/cache/x may not be used (Operation not permitted)"),
        (errno.EFBIG, "the disk of /cache cannot hold unet (File too large): set HF_HOME to a folder on another disk"),
        (errno.ENAMETOOLONG, "the disk of /cache cannot hold unet (File name too long): set HF_HOME"),
        (errno.EIO, "the disk of /cache cannot hold unet (Input/output error)"),
        (errno.ENOENT, "/cache/x is not there (No such file or directory): set HF_HOME to a folder on a disk that is"),
    ],
)
def test_what_a_disk_can_refuse(code, said):
    error = failures.explain(OSError(code, os.strerror(code), "/cache/x"), ASKED)
    assert type(error) is OSError and said in str(error) and "\n" not in str(error)


def test_a_disk_that_fails_at_any_call_of_the_client(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    full = OSError(errno.ENOSPC, "No space left on device")
    for call in ("huggingface_hub.try_to_load_from_cache", "huggingface_hub.model_info"):
        with (
            monkeypatch.context() as patched,
            pytest.raises(OSError, match=rf"^no space left in {tmp_path} for model_i"),
        ):
            patched.setattr(call, lambda *args, **options: (_ for _ in ()).throw(full))
            hub.locate(Model("org/name"))


ASKED = failures.Asked("org/name", None, "unet", "it is missing", "/cache", "https://huggingface.co", "the variable X")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "cannot be looked up (no DNS): connect"),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), "set SSL_CERT_FILE to the certificates of your"),
        (ConnectionRefusedError(111, "refused"), "refuses the connection: connect"),
        (TimeoutError(), "give it more seconds with HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT"),
        (ConnectionResetError(104, "Connection reset by peer"), "broke off (outer): connect and try again"),
    ],
)
def test_the_reason_is_found_below_what_the_libraries_make_of_it(cause, said):
    outer = RuntimeError("outer")
    outer.__cause__ = Exception("wrapped")
    outer.__cause__.__context__ = cause
    error = failures.explain(outer, ASKED)
    assert type(error) is ConnectionError and said in str(error) and "HF_ENDPOINT" not in str(error)
    cause.__context__ = outer  # a ring ends as well
    assert str(failures.explain(outer, ASKED)) == str(error)


def test_a_message_of_many_lines_is_one():
    response = types.SimpleNamespace(
        status_code=418, headers={}, reason_phrase="teapot", request=types.SimpleNamespace(headers={})
    )
    error = Exception("a\n\nb")
    error.response = response
    assert str(failures.explain(error, ASKED)).startswith("it is missing, and the hub answers 418 (teapot): try again")
    del error.response
    assert "broke off (a b)" in str(failures.explain(error, ASKED))
